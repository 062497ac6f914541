"""What a user agent asks of a volume: multi-planar reconstructions and projections (PS3.18 8.3.5.3). Pure values, parsed.

Must not know: which volume there is, how a picture is made of it (`volume_views`), HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from app.dicom import uid
from app.dicom.geometry import FARTHEST, Vector, cross, length, minus
from app.dicomweb import rendering
from app.dicomweb.query import path_of
from app.dicomweb.rendering import View
from app.dicomweb.volume_matching import Term, term
from app.errors import InvalidQuery
from app.model import Uid

Choice = TypeVar("Choice", bound=StrEnum)

CLAUSE = "PS3.18 8.3.5.3"
MOST_POINTS = 256
MOST_REFERENCES = 4096
MOST_TERMS = 16
THICKEST = 1e4
"""Millimetres of a slab."""

_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]{1,99}|[0-9A-Fa-f]{8}")
_FRAME = re.compile(r"[0-9]{1,9}", re.ASCII)
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_OTHERS = frozenset({"accept", "annotation", "charset", "quality", "viewport", "window", "iccprofile"})
_SEVERAL = frozenset({"volumeinputreference", "volumetriccurvepoint"})
_ONCE = frozenset(
    {
        "renderingmethod",
        "orientation",
        "viewpointposition",
        "viewpointlookat",
        "viewpointup",
        "mprslab",
        "swivelrange",
        "animationstepsize",
        "animationrate",
        "renderedvolumetricmetadata",
    }
)


class Reformatting(StrEnum):
    """What is made of the volume: Reformatting Operation Type (0072,0510), as the Response Module names it (PS3.18 K.1)."""

    MPR = "MPR"
    THREE_D = "3D_RENDERING"


class Method(StrEnum):
    """How samples along a ray become one (PS3.18 8.3.5.3.3); in upper case the values of Rendering Method (0070,120D)."""

    VOLUME_RENDERED = "volume_rendered"
    MAXIMUM_IP = "maximum_ip"
    MINIMUM_IP = "minimum_ip"
    AVERAGE_IP = "average_ip"


class Orientation(StrEnum):
    """From where the patient is seen (PS3.18 8.3.5.3.4): anterior, posterior, right, left, head, feet."""

    ANTERIOR = "a"
    POSTERIOR = "p"
    RIGHT = "r"
    LEFT = "l"
    HEAD = "h"
    FEET = "f"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the parameters say, None where they say nothing; lengths are millimetres, angles degrees, the rate pictures a second.

    `references` and `frames` name the input, `terms` have to hold for it. `metadata` asks for the Response Module instead of pictures.
    `view` has window, viewport and the like; `named` are the volumetric parameters that were given, `warnings` sentences.
    """

    reformatting: Reformatting
    view: View
    references: frozenset[Uid] = frozenset()
    frames: frozenset[int] = frozenset()
    terms: tuple[Term, ...] = ()
    method: Method | None = None
    orientation: Orientation | None = None
    position: Vector | None = None
    look_at: Vector | None = None
    up: Vector | None = None
    slab: float | None = None
    swivel: float | None = None
    curve: tuple[Vector, ...] = ()
    step: float | None = None
    rate: float | None = None
    metadata: bool = False
    named: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether an animation is asked for."""
        return self.swivel is not None or bool(self.curve)


def parse(items: Sequence[tuple[str, str]], reformatting: Reformatting) -> Asked:
    """What decoded (name, value) pairs ask. InvalidQuery, with the clause; what is not supported here gives a warning (PS3.18 8.3.5.3)."""
    looks = rendering.parse(items)
    values = rendering.once(items, _ONCE, clause=CLAUSE)
    several = {name: [value for key, value in items if key == name] for name in _SEVERAL}
    terms, warnings = _terms(items)
    references, frames = _inputs(several["volumeinputreference"])
    asked = Asked(
        reformatting=reformatting,
        view=looks.view,
        references=references,
        frames=frames,
        terms=terms,
        method=_choice(values, "renderingmethod", Method, "8.3.5.3.3"),
        orientation=_choice(values, "orientation", Orientation, "8.3.5.3.4"),
        position=_point(values, "viewpointposition", "8.3.5.3.5"),
        look_at=_point(values, "viewpointlookat", "8.3.5.3.6"),
        up=_point(values, "viewpointup", "8.3.5.3.7"),
        slab=_positive(values, "mprslab", THICKEST, "8.3.5.3.8"),
        swivel=_positive(values, "swivelrange", 360, "8.3.5.3.9"),
        curve=_curve(several["volumetriccurvepoint"]),
        step=_positive(values, "animationstepsize", FARTHEST, "8.3.5.3.11"),
        rate=_positive(values, "animationrate", 100, "8.3.5.3.12"),
        metadata=_metadata(values),
        named=tuple(dict.fromkeys(name for name, _ in items if name in _ONCE | _SEVERAL)),
        warnings=(*looks.warnings, *warnings),
    )
    _check(asked)
    return _supported(asked)


def canonical(asked: Asked) -> str:
    """What is asked as text: the same for equal requests, in every process; for entity tags and keys."""
    bare = replace(asked, view=View(), references=frozenset(), frames=frozenset(), named=(), warnings=())
    return repr((bare, sorted(asked.references), sorted(asked.frames), rendering.canonical(asked.view)))


def _check(asked: Asked) -> None:
    """What excludes one another, and viewpoints that point nowhere."""
    if asked.orientation is not None and any(each is not None for each in (asked.position, asked.look_at, asked.up)):
        raise InvalidQuery("orientation and viewpoint parameters exclude one another: give the one or the others", clause=CLAUSE)
    if asked.swivel is not None and asked.curve:
        raise InvalidQuery("swivelrange and volumetriccurvepoint exclude one another: give one of them", clause=CLAUSE)
    if asked.up is not None and length(asked.up) < 1e-6:
        raise InvalidQuery("viewpointup has to be a direction, other than 0,0,0", clause=f"{CLAUSE}.7")
    if asked.position is not None and asked.look_at is not None:
        forward = minus(asked.look_at, asked.position)
        if length(forward) < 1e-6:
            raise InvalidQuery("viewpointposition and viewpointlookat are one point, which is no direction", clause=f"{CLAUSE}.6")
        if asked.up is not None and length(cross(forward, asked.up)) < 1e-6 * length(forward) * length(asked.up):
            raise InvalidQuery("viewpointup points where the camera looks: it has to stand across", clause=f"{CLAUSE}.7")
    if asked.reformatting is Reformatting.MPR and asked.method is Method.VOLUME_RENDERED:
        sentence = "A slab is rendered by maximum_ip, minimum_ip or average_ip; volume_rendered is for rendered3D"
        raise InvalidQuery(sentence, clause="PS3.18 8.3.5.3.3")


def _supported(asked: Asked) -> Asked:
    """Without what has no meaning here, which is ignored with a warning."""
    changes: dict[str, Any] = {}
    said = []
    if asked.reformatting is Reformatting.THREE_D and asked.slab is not None:
        changes["slab"] = None
        said.append("mprslab means nothing to rendered3D and was ignored")
    if asked.reformatting is Reformatting.THREE_D and asked.curve:
        changes["curve"] = ()
        said.append("volumetriccurvepoint is supported by renderedMPR only and was ignored")
    if not replace(asked, **changes).moves and (asked.step is not None or asked.rate is not None):
        changes |= {"step": None, "rate": None}
        said.append("animationstepsize and animationrate mean nothing without swivelrange or volumetriccurvepoint and were ignored")
    if asked.view.annotations:
        changes["view"] = replace(asked.view, annotations=frozenset())
        said.append("annotation is not supported for volumes and was ignored")
    return replace(asked, **changes, warnings=(*asked.warnings, *said)) if said else asked


def _terms(items: Sequence[tuple[str, str]]) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """What has to hold for the input (PS3.18 8.3.5.3.2), and a warning for each parameter that is none."""
    terms: dict[tuple[str, ...], Term] = {}
    warnings: dict[str, None] = {}
    for name, value in items:
        if name in _OTHERS | _ONCE | _SEVERAL:
            continue
        path = path_of(name)
        shown = name if _PRINTABLE.fullmatch(name) else "with an unprintable name"
        if path is None:
            if all(_KEYWORD.fullmatch(link) for link in name.split(".")):
                raise InvalidQuery(f"{shown} is no attribute of PS3.6", clause=f"{CLAUSE}.2")
            warnings[f"The parameter {shown} is not known and was ignored"] = None
            continue
        if path in terms:
            raise InvalidQuery(f"{shown} stands in the query twice", clause="PS3.18 8.3.4.1")
        if value.strip("* "):
            terms[path] = term(path, shown, value)
    if len(terms) > MOST_TERMS:
        raise InvalidQuery(f"At most {MOST_TERMS} attributes can be matched", clause=f"{CLAUSE}.2")
    return tuple(terms.values()), tuple(warnings)[:8]


def _inputs(texts: Sequence[str]) -> tuple[frozenset[Uid], frozenset[int]]:
    """UIDs of instances or series, and frame numbers (PS3.18 8.3.5.3.1)."""
    clause = f"{CLAUSE}.1"
    parts = [part.strip() for text in texts for part in text.split(",")]
    if len(parts) > MOST_REFERENCES:
        raise InvalidQuery(f"volumeinputreference names at most {MOST_REFERENCES} inputs", clause=clause)
    references, frames = set(), set()
    for part in parts:
        if _FRAME.fullmatch(part):
            frames.add(int(part))
            continue
        try:
            references.add(uid.parse(part))
        except ValueError:
            raise InvalidQuery("volumeinputreference is a list of UIDs, or of frame numbers from 1", clause=clause) from None
    if 0 in frames:
        raise InvalidQuery("volumeinputreference is a list of UIDs, or of frame numbers from 1", clause=clause)
    return frozenset(references), frozenset(frames)


def _choice(values: dict[str, str], name: str, choices: type[Choice], clause: str) -> Choice | None:
    if name not in values:
        return None
    try:
        return choices(values[name])
    except ValueError:
        raise InvalidQuery(f"{name} is one of {', '.join(choices)}", clause=f"PS3.18 {clause}") from None


def _point(values: dict[str, str], name: str, clause: str) -> Vector | None:
    return _vector(values[name], name, clause) if name in values else None


def _vector(text: str, name: str, clause: str) -> Vector:
    numbers = [rendering.number(part.strip()) for part in text.split(",")]
    found = [each for each in numbers if each is not None and abs(each) <= FARTHEST]
    if len(numbers) != 3 or len(found) != 3:
        raise InvalidQuery(f"{name} is three decimal numbers with commas between them: {name}=0,-1,0.5", clause=f"PS3.18 {clause}")
    return found[0], found[1], found[2]


def _curve(texts: Sequence[str]) -> tuple[Vector, ...]:
    """Points in the order given: each a parameter of its own, or several triplets in one (PS3.18 8.3.5.3.10)."""
    name, clause = "volumetriccurvepoint", "8.3.5.3.10"
    points: list[Vector] = []
    for text in texts:
        parts = text.split(",")
        if len(parts) % 3 or len(points) + len(parts) // 3 > MOST_POINTS:
            raise InvalidQuery(f"{name} is points of three numbers each, at most {MOST_POINTS} of them", clause=f"PS3.18 {clause}")
        points += [_vector(",".join(parts[at : at + 3]), name, clause) for at in range(0, len(parts), 3)]
    return tuple(points)


def _positive(values: dict[str, str], name: str, most: float, clause: str) -> float | None:
    if name not in values:
        return None
    found = rendering.number(values[name].strip())
    if found is None or not 1e-3 <= found <= most:
        raise InvalidQuery(f"{name} is a number greater than 0, up to {most:g}", clause=f"PS3.18 {clause}")
    return found


def _metadata(values: dict[str, str]) -> bool:
    text = values.get("renderedvolumetricmetadata")
    if text is not None and text != "yes":
        raise InvalidQuery("renderedvolumetricmetadata is yes, or is left out", clause=f"{CLAUSE}.13")
    return text is not None
