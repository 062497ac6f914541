"""What a worker can do, by name. A job takes values and gives (facts as plain JSON, bytes); what it cannot do it says by a ValueError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from app.dicom.depiction import Depiction
from app.dicom.picture import ImageAttributes, Picture
from app.dicomweb.rendering import View
from app.model import Uid
from app.pixels import decode
from app.pixels.depict import depict, extremes
from app.pixels.encode import encode
from app.pixels.render import render
from app.pixels.syntaxes import DECODERS, ENCODERS, Codec
from app.pixels.volume import develop, expose, fill, survey

Facts = dict[str, Any]


def transcode(frame: bytes, image: ImageAttributes, source: Uid, to: Uid) -> tuple[Facts, bytes]:
    """The frame in another transfer syntax, without loss, and what its samples are in there."""
    if source == to or DECODERS.get(source) is ENCODERS.get(to) is Codec.NATIVE:
        return asdict(image), frame
    made, now = encode(*decode.words(frame, image, source), to)
    return asdict(now), made


def render_pictures(pictures: Sequence[Picture], view: View) -> tuple[Facts, bytes]:
    return {}, render(pictures, view)


def depict_all(depictions: Sequence[Depiction], view: View) -> tuple[Facts, bytes]:
    return {}, depict(depictions, view)


def find_extremes(pictures: Sequence[Picture], outliers: float) -> tuple[Facts, bytes]:
    low, high = extremes(pictures, outliers)
    return {"low": low, "high": high}, b""


limit = decode.limit

JOBS: dict[str, Callable[..., tuple[Facts, bytes]]] = {
    "transcode": transcode,
    "render": render_pictures,
    "depict": depict_all,
    "extremes": find_extremes,
    "fill": fill,
    "survey": survey,
    "expose": expose,
    "develop": develop,
}
