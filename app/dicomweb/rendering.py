"""What a user agent asks of a rendered picture (PS3.18 8.3.5): viewport, window, quality, annotation, ICC profile. Pure values.

`parse` makes them of the decoded query parameters. Must not know: what is rendered, nor how.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.dicom.picture import Window, WindowShape
from app.errors import InvalidQuery

CLAUSE = "PS3.18 8.3.5.1"
LARGEST = 65535
"""Rows or columns of a picture, as DICOM and JPEG count them."""

RENDERER = "2"
"""Changes whenever a picture comes out otherwise than before for the same object and view: a part of every entity tag of one."""

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/jxl", "image/jp2")
"""Rendered Media Types of images, the default first (PS3.18 Table 8.7.4-1, and three more that browsers ask for)."""

ANIMATIONS = ("image/gif", "image/webp")
"""Those in which many frames are one item."""

ANNOTATIONS = frozenset({"patient", "technique"})
_KNOWN = frozenset({"annotation", "charset", "quality", "viewport", "window", "iccprofile"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,16}(?:\.[0-9]{0,24})?|\.[0-9]{1,24})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "*"})


class IccProfile(StrEnum):
    """The values of the `iccprofile` parameter (PS3.18 8.3.5.1.5): `no` leaves colours alone, `yes` embeds the picture's own profile."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"
    ADOBE_RGB = "adobergb"
    ROMM_RGB = "rommrgb"
    DISPLAY_P3 = "displayp3"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the source image in pixels, from its top left; `width` and `height` None reach to the edge. Flips are told apart."""

    left: float = 0.0
    top: float = 0.0
    width: float | None = None
    height: float | None = None
    flip_horizontal: bool = False
    flip_vertical: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What is asked: `columns` x `rows` is the box that the picture must fit into, keeping its aspect; None leaves its own size.

    `relative` says that the region is in fractions of the image (URI service), not in pixels. `annotations` are keywords of the parameter.
    Without `enlarge` a picture that is smaller than the box keeps its size (thumbnails).
    """

    media_type: str = "image/jpeg"
    columns: int | None = None
    rows: int | None = None
    region: Region | None = None
    relative: bool = False
    window: Window | None = None
    quality: int | None = None
    annotations: frozenset[str] = frozenset()
    icc_profile: IccProfile | None = None
    enlarge: bool = True


@dataclass(frozen=True, slots=True)
class Rendering:
    """A View without its media type, which negotiation adds, and sentences for a Warning header on what was asked in vain."""

    view: View
    warnings: tuple[str, ...] = ()


def parse(items: Sequence[tuple[str, str]]) -> Rendering:
    """What the decoded (name, value) pairs ask of rendered resources (PS3.18 8.3.5.1); other parameters mean nothing here. InvalidQuery."""
    values = once(items, _KNOWN)
    columns, rows, region = _viewport(values["viewport"]) if "viewport" in values else (None, None, None)
    keywords, warnings = annotation_keywords(values.get("annotation"))
    view = View(
        columns=columns,
        rows=rows,
        region=region,
        window=_window(values["window"]) if "window" in values else None,
        quality=quality(values["quality"], "quality") if "quality" in values else None,
        annotations=keywords,
        icc_profile=icc_profile(values["iccprofile"]) if "iccprofile" in values else None,
    )
    return Rendering(view, (*warnings, *charset(values.get("charset"))))


def parse_thumbnail(items: Sequence[tuple[str, str]], *, size: int) -> Rendering:
    """What they ask of thumbnails (PS3.18 8.3.5.2): a viewport without region, `size` squared if none is given. InvalidQuery."""
    values = once(items, frozenset({"viewport"}))
    parts = values["viewport"].split(",") if "viewport" in values else [str(size), str(size)]
    if len(parts) != 2:
        raise InvalidQuery("The viewport of a thumbnail is its width and height: viewport=256,256", clause="PS3.18 8.3.5.2")
    return Rendering(View(columns=_side(parts[0]), rows=_side(parts[1]), enlarge=False))


def canonical(view: View) -> str:
    """The view as text: the same for equal views, in every process; for entity tags and keys."""
    return repr((replace(view, annotations=frozenset()), sorted(view.annotations)))


def once(items: Sequence[tuple[str, str]], known: frozenset[str], *, clause: str = CLAUSE) -> dict[str, str]:
    """The values of the known parameters. InvalidQuery if one is given twice."""
    values: dict[str, str] = {}
    for name, value in items:
        if name in known:
            if name in values:
                raise InvalidQuery(f"The parameter {name} may be given once only", clause=clause)
            values[name] = value
    return values


def annotation_keywords(text: str | None) -> tuple[frozenset[str], tuple[str, ...]]:
    """The keywords that are supported, and a warning that names the others (PS3.18 8.3.5.1.1). InvalidQuery if one is no keyword."""
    words = [word.strip() for word in text.split(",")] if text is not None else []
    if not all(_TOKEN.fullmatch(word) for word in words) or len(words) > 16:
        raise InvalidQuery("annotation is a comma-separated list of keywords: annotation=patient,technique", clause="PS3.18 8.3.5.1.1")
    others = [word for word in dict.fromkeys(words) if word not in ANNOTATIONS]
    warnings = (f"The following annotation values are not supported: {', '.join(others)}",) if others else ()
    return ANNOTATIONS.intersection(words), warnings


def quality(text: str, name: str) -> int:
    """1 to 100 (PS3.18 8.3.5.1.2, 9.5.1). InvalidQuery."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:
        raise InvalidQuery(f"{name} is a whole number from 1 to 100", clause="PS3.18 8.3.5.1.2")
    return int(text)


def icc_profile(text: str) -> IccProfile:
    """InvalidQuery for a profile that is not known: other colours than those asked for would be told by nothing."""
    try:
        return IccProfile(text)
    except ValueError:
        raise InvalidQuery(f"iccprofile is one of {', '.join(IccProfile)}", clause="PS3.18 8.3.5.1.5") from None


def charset(text: str | None) -> tuple[str, ...]:
    """A warning if the text outputs, which are UTF-8, will not be in the character set that is asked for (PS3.18 8.8.1). InvalidQuery."""
    if text is None or text.strip().lower() in _UTF_8:
        return ()
    words = [word.partition(";")[0].strip() for word in text.split(",")]
    if not all(_TOKEN.fullmatch(word) for word in words):
        raise InvalidQuery("charset is the name of a character set: charset=utf-8", clause="PS3.18 8.8.1")
    return () if any(word.lower() in _UTF_8 for word in words) else ("Text is sent in UTF-8; other character sets are not supported",)


def number(text: str) -> float | None:
    """A decimal number, or None if the text is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def whole(text: str, most: int) -> int | None:
    """A whole number from 1 to `most`, or None if the text is none."""
    found = int(text) if _WHOLE.fullmatch(text) else 0
    return found if 1 <= found <= most else None


def window(center: float | None, width: float | None, shape: WindowShape, *, clause: str) -> Window:
    """InvalidQuery if one of both is no number, or if the width is less than its function allows (PS3.3 C.11.2.1.2.1, C.11.2.1.3)."""
    if center is None or width is None:
        raise InvalidQuery("The center and the width of a window are decimal numbers, and both are needed", clause=clause)
    if width <= 0 or (shape is WindowShape.LINEAR and width < 1):
        raise InvalidQuery("The width of a window is 1 or more for linear, and more than 0 for the other functions", clause=clause)
    return Window(center, width, shape)


def _window(text: str) -> Window:
    clause = "PS3.18 8.3.5.1.4"
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or parts[2] not in tuple(WindowShape):
        sentence = f"window has three parts, center,width,function, the last of them one of {', '.join(WindowShape)}"
        raise InvalidQuery(sentence, clause=clause)
    return window(number(parts[0]), number(parts[1]), WindowShape(parts[2]), clause=clause)


def _side(text: str) -> int:
    found = whole(text.strip(), LARGEST)
    if found is None:
        raise InvalidQuery(f"The width and the height of a viewport are whole numbers from 1 to {LARGEST}", clause="PS3.18 8.3.5.1.3")
    return found


def _viewport(text: str) -> tuple[int, int, Region | None]:
    """Columns and rows of the box, and the source region, of which any of the four may be left empty between its commas."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 6):
        raise InvalidQuery("viewport has two parts or six: width,height or width,height,x,y,width,height", clause="PS3.18 8.3.5.1.3")
    columns, rows = _side(parts[0]), _side(parts[1])
    if not any(parts[2:]):
        return columns, rows, None
    left, top = (_offset(part) for part in parts[2:4])
    (width, flip_horizontal), (height, flip_vertical) = (_extent(part) for part in parts[4:])
    return columns, rows, Region(left, top, width, height, flip_horizontal, flip_vertical)


def _offset(text: str) -> float:
    found = number(text or "0")
    if found is None or not 0 <= found <= LARGEST:
        raise InvalidQuery("The source region of a viewport begins at decimal numbers from 0, in pixels", clause="PS3.18 8.3.5.1.3")
    return found


def _extent(text: str) -> tuple[float | None, bool]:
    """The size and whether it is negative, which flips; None reaches to the edge."""
    if not text:
        return None, False
    found = number(text)
    if found is None or not 0 < abs(found) <= LARGEST:
        raise InvalidQuery(
            "The size of the source region is decimal numbers other than 0, in pixels; a negative one flips", clause="PS3.18 8.3.5.1.3"
        )
    return abs(found), found < 0
