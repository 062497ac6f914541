"""How the values of a volume become light, with all that the request leaves open decided; and the Rendered Volume Response Module.

PS3.18 8.3.5.3.3, 8.3.5.1.4, Annex K. The rules, where the request says nothing:

- method: the mean for a slab; for rendered3D volume rendering of CT and MR, of anything else the maximum.
- window: that of the image in the middle of the volume, if it has one, else from the value below which one in two hundred voxels lies to
  the one above which one does.
- volume rendering: the window is the ramp of opacity, from none to full. CT: 100 to 500 HU, which shows bone and contrast medium.
  Anything else: from the value that parts background and tissue best to the highest but one in two hundred.

Pure. Must not know: voxels, how a ray is cast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.dicom.geometry import Vector
from app.dicom.picture import Picture, Window, WindowShape
from app.dicom.voxels import Survey
from app.dicomweb.volume import Asked, Method, Reformatting
from app.dicomweb.volume_views import Sequel, Shot
from app.model import JsonObject, Uid

RENDERED = frozenset({"CT", "MR"})
BONE = Window(300, 400, WindowShape.LINEAR_EXACT)


@dataclass(frozen=True, slots=True)
class Look:
    """`window` is in real values; for volume rendering it is the ramp of opacity, and `bone` gives it the colours of tissue and bone."""

    method: Method
    window: Window
    slab: float | None = None
    inverse: bool = False
    bone: bool = False


def look(asked: Asked, modality: str, middle: Picture, survey: Survey) -> Look:
    """Everything decided; `middle` is the image in the middle of the volume."""
    method = asked.method or _method(asked.reformatting, modality)
    if method is Method.VOLUME_RENDERED:
        return Look(method, asked.view.window or _ramp(modality, survey), bone=modality == "CT")
    window = asked.view.window or middle.window or _between(survey.low, survey.high)
    return Look(method, window, asked.slab, middle.inverse)


def _method(reformatting: Reformatting, modality: str) -> Method:
    if reformatting is Reformatting.MPR:
        return Method.AVERAGE_IP
    return Method.VOLUME_RENDERED if modality in RENDERED else Method.MAXIMUM_IP


def _ramp(modality: str, survey: Survey) -> Window:
    if modality == "CT" and survey.greatest > BONE.center:
        return BONE
    return _between(survey.parting, survey.high)


def _between(low: float, high: float) -> Window:
    if high <= low:
        return Window(low + 0.5, 1.0, WindowShape.LINEAR_EXACT)
    return Window((low + high) / 2, high - low, WindowShape.LINEAR_EXACT)


@dataclass(frozen=True, slots=True)
class Source:
    """An instance whose frames went into the volume; no frames if it has but one."""

    sop_class: Uid
    instance: Uid
    frames: tuple[int, ...] = ()


def response(asked: Asked, sequel: Sequel, how: Look, frame_of_reference: str, sources: Iterable[Source]) -> JsonObject:
    """The Rendered Volume Response Module (PS3.18 K.1), as one DICOM JSON object.

    Beyond the module it holds the size of the pictures, where each lies (as Per-frame Functional Groups), and the images that went in.
    """
    camera = sequel.camera
    found: JsonObject = {
        "00720510": _value("CS", asked.reformatting.value),
        "0070120D": _value("CS", how.method.value.upper()),
        "00701603": _value("FD", *camera.position),
        "00701604": _value("FD", *camera.look_at),
        "00701605": _value("FD", *_rounded(camera.up)),
        "00281050": _value("DS", _rounded_number(how.window.center)),
        "00281051": _value("DS", _rounded_number(how.window.width)),
        "00281056": _value("CS", how.window.shape.value.upper().replace("-", "_")),
        "00200052": _value("UI", frame_of_reference) if frame_of_reference else {"vr": "UI"},
        "00081140": {"vr": "SQ", "Value": [_reference(source) for source in sources]},
        "00280008": _value("IS", len(sequel.shots)),
        "00280010": _value("US", sequel.shots[0].rows),
        "00280011": _value("US", sequel.shots[0].columns),
        "52009230": {"vr": "SQ", "Value": [_place(shot, how) for shot in sequel.shots]},
    }
    if how.slab is not None:
        found["00701503"] = _value("FD", how.slab)
    if asked.swivel is not None:
        found["00701A06"] = _value("FD", asked.swivel)
    if sequel.step is not None:
        found["00701A05"] = _value("FD", _rounded_number(sequel.step))
    if sequel.rate is not None:
        found["00701A03"] = _value("FD", sequel.rate)
    return dict(sorted(found.items()))


def _place(shot: Shot, how: Look) -> JsonObject:
    """The Plane Position, Plane Orientation and Pixel Measures macros (PS3.3 C.7.6.16.2.1, .3, .4)."""
    spacing = _rounded_number(shot.spacing)
    measures = {"00280030": _value("DS", spacing, spacing)}
    if how.slab is not None:
        measures["00180050"] = _value("DS", how.slab)
    orientation = (*_rounded(shot.right), *_rounded(shot.down))
    return {
        "00209113": {"vr": "SQ", "Value": [{"00200032": _value("DS", *_rounded(shot.first))}]},
        "00209116": {"vr": "SQ", "Value": [{"00200037": _value("DS", *orientation)}]},
        "00289110": {"vr": "SQ", "Value": [dict(sorted(measures.items()))]},
    }


def _reference(source: Source) -> JsonObject:
    found = {"00081150": _value("UI", source.sop_class), "00081155": _value("UI", source.instance)}
    if source.frames:
        found["00081160"] = _value("IS", *source.frames)
    return found


def _value(vr: str, *values: float | str) -> JsonObject:
    return {"vr": vr, "Value": [_plain(value) for value in values]}


def _plain(value: float | str) -> float | int | str:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _rounded(point: Vector) -> Sequence[float]:
    return [_rounded_number(each) for each in point]


def _rounded_number(value: float) -> float:
    return round(value, 6) + 0.0
