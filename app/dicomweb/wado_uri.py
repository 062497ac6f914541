"""The parameters of the URI service as values (PS3.18 chapter 9): one instance, as a Part 10 file or rendered.

Must not know what is stored, nor how an answer is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.dicom import uid
from app.dicom.picture import Window, WindowShape
from app.dicomweb import rendering
from app.dicomweb.media_types import DICOM, MediaRange, parse_accept
from app.dicomweb.rendering import LARGEST, Region, Rendering, View
from app.dicomweb.resources import parse_target
from app.errors import BadRequest, InvalidQuery, NotSupported
from app.model import Target

FILE = "PS3.18 9.4"
RENDERED = "PS3.18 9.5"

_COMMON = ("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "anonymize")
_RENDERED = (
    "annotation", "charset", "rows", "columns", "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality", "iccprofile",
    "presentationUID", "presentationSeriesUID",
)  # fmt: skip
_KNOWN = frozenset({*_COMMON, *_RENDERED, "transferSyntax"})


@dataclass(frozen=True, slots=True)
class WadoRequest:
    """An instance, and the media ranges that the answer has to fit, as an Accept header would say it.

    `rendering` None asks for the Part 10 file. Otherwise `frame` is the number of a frame of a multi-frame image, and `presentation` a
    Presentation State of the same study that is to be applied.
    """

    target: Target
    accept: str
    rendering: Rendering | None = None
    frame: int | None = None
    presentation: Target | None = None


def parse(items: Sequence[tuple[str, str]], *, accept: str | None) -> WadoRequest:
    """What the decoded query parameters ask for; `accept` is the Accept header, which counts where contentType is left out.

    BadRequest, InvalidQuery, InvalidTarget for what breaks the grammar; NotSupported for `anonymize`. Other parameters mean nothing here.
    """
    values = rendering.once(items, _KNOWN, clause=FILE)
    if values.get("requestType") != "WADO":
        raise BadRequest(
            "This is the address of the URI service, which needs requestType=WADO; other services have paths such as /studies",
            clause="PS3.18 9",
        )
    target = _target(values)
    content_type = values.get("contentType")
    if _is_file(content_type, accept):
        return WadoRequest(target, _file(values))
    if "transferSyntax" in values:
        raise InvalidQuery("transferSyntax goes with contentType=application/dicom only", clause=RENDERED)
    _ensure_identified(values.get("anonymize"))
    return WadoRequest(
        target,
        content_type or accept or "*/*",
        _rendering(values),
        _frame(values.get("frameNumber")),
        _presentation(target, values),
    )


def _target(values: Mapping[str, str]) -> Target:
    missing = [name for name in ("studyUID", "seriesUID", "objectUID") if not values.get(name)]
    if missing:
        raise InvalidQuery(f"{' and '.join(missing)}: required, each with one UID", clause=FILE)
    return parse_target(values["studyUID"], values["seriesUID"], values["objectUID"])


def _is_file(content_type: str | None, accept: str | None) -> bool:
    """Whether the best of the content types is the file; without contentType, whether the Accept header names the file (PS3.18 9.3)."""
    if not content_type:
        return any(_is_part10(item) for item in parse_accept(accept or "") if item.q > 0)
    ranges = [item for item in parse_accept(content_type) if item.q > 0]
    if not ranges:
        raise InvalidQuery("contentType is not a list of media types", clause=FILE)
    if any(item.transfer_syntax for item in ranges):
        raise InvalidQuery("The transfer syntax is a parameter of its own here: transferSyntax", clause=FILE)
    return _is_part10(ranges[0])


def _is_part10(item: MediaRange) -> bool:
    return item.essence == DICOM and not item.multipart


def _file(values: Mapping[str, str]) -> str:
    rendered = [name for name in _RENDERED if name in values]
    if rendered:
        raise InvalidQuery(f"{' and '.join(rendered)}: not with contentType=application/dicom", clause=FILE)
    _ensure_identified(values.get("anonymize"))
    syntax = _syntax(values.get("transferSyntax"))
    return f"{DICOM}; transfer-syntax={syntax}" if syntax else DICOM


def _ensure_identified(anonymize: str | None) -> None:
    """What cannot be de-identified is refused, never sent as it is."""
    if anonymize is None:
        return
    if anonymize != "yes":
        raise InvalidQuery("anonymize has one value only: yes", clause=FILE)
    raise NotSupported("This version cannot de-identify; the object is not sent with identifying data instead", clause=FILE)


def _syntax(text: str | None) -> str | None:
    """One UID, or `*` for the file as stored, which is an extension that viewers know."""
    if text is None or text == "*":
        return text
    try:
        return uid.parse(text)
    except ValueError:
        raise InvalidQuery("transferSyntax is not one UID", clause=FILE) from None


def _rendering(values: Mapping[str, str]) -> Rendering:
    keywords, warnings = rendering.annotation_keywords(values.get("annotation"))
    view = View(
        columns=_side(values.get("columns"), "columns"),
        rows=_side(values.get("rows"), "rows"),
        region=_region(values["region"]) if "region" in values else None,
        relative="region" in values,
        window=_window(values),
        quality=rendering.quality(values["imageQuality"], "imageQuality") if "imageQuality" in values else None,
        annotations=keywords,
        icc_profile=rendering.icc_profile(values["iccprofile"]) if "iccprofile" in values else None,
    )
    return Rendering(view, (*warnings, *rendering.charset(values.get("charset"))))


def _side(text: str | None, name: str) -> int | None:
    found = rendering.whole(text, LARGEST) if text is not None else None
    if text is not None and found is None:
        raise InvalidQuery(f"{name} is a whole number from 1 to {LARGEST}", clause=RENDERED)
    return found


def _region(text: str) -> Region:
    numbers = [rendering.number(part.strip()) for part in text.split(",")]
    left, top, right, bottom = numbers if len(numbers) == 4 else (None,) * 4
    if left is None or top is None or right is None or bottom is None or not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        sentence = "region is left,top,right,bottom, decimal fractions of the image from 0.0 to 1.0, the former less than the latter"
        raise InvalidQuery(sentence, clause=RENDERED)
    return Region(left, top, right - left, bottom - top)


def _window(values: Mapping[str, str]) -> Window | None:
    center, width = values.get("windowCenter"), values.get("windowWidth")
    if center is None and width is None:
        return None
    numbers = [rendering.number(text) if text is not None else None for text in (center, width)]
    return rendering.window(numbers[0], numbers[1], WindowShape.LINEAR, clause=RENDERED)


def _frame(text: str | None) -> int | None:
    found = rendering.whole(text, 10**9) if text is not None else None
    if text is not None and found is None:
        raise InvalidQuery("frameNumber is a whole number from 1", clause="PS3.18 9.5.2")
    return found


def _presentation(target: Target, values: Mapping[str, str]) -> Target | None:
    """A Presentation State says itself which region is shown, and how: nothing may contradict it (PS3.18 9.5.1)."""
    instance, series = values.get("presentationUID"), values.get("presentationSeriesUID")
    if instance is None and series is None:
        return None
    if not instance or not series:
        raise InvalidQuery("presentationUID and presentationSeriesUID are both needed, each with one UID", clause=RENDERED)
    others = [name for name in ("region", "windowCenter", "windowWidth") if name in values]
    if others:
        raise InvalidQuery(f"{' and '.join(others)}: not with presentationUID, which says how the image is shown", clause=RENDERED)
    return parse_target(target.study, series, instance)
