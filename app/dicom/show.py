"""From the Metadata of an instance to all that it takes to show one of its frames (PS3.3 C.7.6.3, C.11; PS3.4 N.2). Pure, and lenient:
what a device wrote badly is left out or read as it was meant, never an error.

Must not know: arrays, codecs, where bulkdata lies, who asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.dicom import captions, lookup_tables
from app.dicom.functional_groups import PER_FRAME, first_with, macro
from app.dicom.item import Item
from app.dicom.overlays import DATA, GROUPS, overlays
from app.dicom.picture import ImageAttributes, Lut, Picture, Samples
from app.model import Bulkdata, JsonObject, Uid

LARGEST_VALUE = 32 * 1024 * 1024
"""Bytes of one bulk value that showing a frame may need, and of all of them together."""

_FLOAT, _DOUBLE = "7FE00008", "7FE00009"
_NEEDED = {"00281201", "00281202", "00281203", "00281221", "00281222", "00281223", "00283006", "00282000"}
_NEEDED |= {group + DATA for group in GROUPS}
_ICON_IMAGE = "00880200/"
_PROJECTION = {"1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2", "1.2.840.10008.5.1.4.1.1.12.3"}
"""X-Ray Angiographic, Radiofluoroscopic and Angiographic Bi-Plane Image Storage."""
_MOST_STRETCHED = 100.0


def image_attributes(dataset: JsonObject) -> ImageAttributes | None:
    """How the samples of its frames are laid out; None if it describes no image."""
    item = Item(dataset)
    rows, columns = item.integer("00280010"), item.integer("00280011")
    kind = Samples.FLOAT if _FLOAT in dataset else Samples.DOUBLE if _DOUBLE in dataset else Samples.INTEGER
    allocated = {Samples.FLOAT: 32, Samples.DOUBLE: 64}.get(kind) or item.integer("00280100") or -(-item.integer("00280101") // 8) * 8
    if not 0 < rows <= 65535 or not 0 < columns <= 65535 or allocated not in (1, 8, 16, 24, 32, 40, 48, 56, 64):
        return None
    samples = max(item.integer("00280002", 1), 1)
    stored = item.integer("00280101") or allocated
    stored = stored if 0 < stored <= allocated and kind is Samples.INTEGER else allocated
    high = item.integer("00280102", stored - 1)
    return ImageAttributes(
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=item.text("00280004").upper() or ("RGB" if samples == 3 else "MONOCHROME2"),
        allocated=allocated,
        stored=stored,
        high=high if stored - 1 <= high < allocated else stored - 1,
        signed=item.integer("00280103") == 1,
        planar=1 if samples > 1 and item.integer("00280006") == 1 else 0,
        frames=max(item.integer("00280008", 1), 1),
        kind=kind,
    )


def needed(bulkdata: Sequence[Bulkdata], number: int | None = None) -> list[Bulkdata]:
    """Of the values kept out of the Metadata those that `picture` wants, for frame `number` or for all; bounded in bytes."""
    found, room = [], LARGEST_VALUE
    for each in bulkdata:
        wanted = each.path.rpartition("/")[2] in _NEEDED and not each.encapsulated and _ICON_IMAGE not in each.path
        if wanted and _of_frame(each.path, number) and each.span.length <= room:
            room -= each.span.length
            found.append(each)
    return found


def _of_frame(path: str, number: int | None) -> bool:
    return number is None or not path.startswith(PER_FRAME + "/") or path.split("/", 2)[1] == str(number)


def picture(dataset: JsonObject, number: int, bulk: Mapping[str, bytes]) -> Picture:
    """Frame `number` (from 1) with every step of its pipeline; `frame` and `transfer_syntax` are left empty for the caller to fill.

    `bulk` maps Bulkdata.path to bytes, for what `needed` names; what is missing there is not applied. ValueError if it is no image.
    """
    image = image_attributes(dataset)
    if image is None:
        raise ValueError("the object describes no image")
    item = Item(dataset)
    rescale, modality = _modality(item, image, number, bulk)
    candidates = [macro(item, number, "00289132"), item]
    windows = [window for candidate in candidates for window in lookup_tables.windows(candidate)]
    voi = first_with(candidates, "00283010")
    signed = image.signed or (rescale is not None and rescale[1] < 0)
    lut = lookup_tables.first_table(voi, "00283010", bulk, signed=signed)
    shape = item.text("20500020").upper()
    return Picture(
        frame=b"",
        transfer_syntax=Uid(""),
        image=image,
        rescale=rescale,
        modality=modality,
        window=windows[0] if windows else None,
        voi=lut if not windows else None,
        inverse=image.photometric == "MONOCHROME1" or shape == "INVERSE",
        presentation=lookup_tables.first_table(item, "20500010", bulk),
        palette=lookup_tables.palette(item, bulk) if image.photometric == "PALETTE COLOR" else None,
        overlays=tuple(overlays(item, image, number, bulk)),
        icc=_icc(item, number, bulk) if image.samples > 1 or image.photometric == "PALETTE COLOR" else None,
        padding=_padding(item, image),
        aspect=_aspect(item, number),
        duration=_duration(item, number),
        annotations=captions.lines(item, number, image.frames),
    )


def _modality(item: Item, image: ImageAttributes, number: int, bulk: Mapping[str, bytes]) -> tuple[tuple[float, float] | None, Lut | None]:
    """Slope and intercept, or a table. For XA and XRF images that are not linear the table leads back to X-Ray intensity and is no part of
    their display (PS3.3 C.8.7.1.1.2)."""
    found = first_with([macro(item, number, "00289145"), item], "00281053", "00281052")
    if found is not None:
        slope, intercept = found.number("00281053"), found.number("00281052")
        return (slope or 1.0, intercept or 0.0), None
    if item.text("00080016") in _PROJECTION and item.text("00281040").upper() in ("LOG", "DISP"):
        return None, None
    return None, lookup_tables.first_table(item, "00283000", bulk, signed=image.signed)


def _icc(item: Item, number: int, bulk: Mapping[str, bytes]) -> bytes | None:
    """The profile of the image, else that of the frame's optical path (PS3.3 C.8.12.5), else that of the first path that has one."""
    named = macro(item, number, "00480207")
    paths = item.items("00480105")
    identifier = named.text("00480106") if named is not None else ""
    own = [path for path in paths if identifier and path.text("00480106") == identifier]
    found = first_with([item, *own, *paths], "00282000")
    return found.octets("00282000", bulk) if found is not None else None


def _padding(item: Item, image: ImageAttributes) -> tuple[int, int] | None:
    """Pixel Padding Value, or from there to its Range Limit (PS3.3 C.7.5.1.1.2); for grayscale alone."""
    value = item.number("00280120")
    if value is None or image.samples != 1 or not float(value).is_integer():
        return None
    limit = item.number("00280121")
    low, high = sorted(_stored(int(each), image) for each in (value, value if limit is None else limit))
    return low, high


def _stored(value: int, image: ImageAttributes) -> int:
    """A value that was written in the wrong sign for its Pixel Representation is read as the samples are."""
    if image.signed and 1 << image.allocated - 1 <= value < 1 << image.allocated:
        return value - (1 << image.allocated)
    return value + (1 << image.allocated) if value < 0 and not image.signed else value


def _aspect(item: Item, number: int) -> tuple[float, float]:
    """Height and width of a pixel, by the first attribute that tells them sensibly (PS3.3 10.7, C.7.6.3.1.7)."""
    measures = macro(item, number, "00289110")
    sources = [(measures, "00280030"), (item, "00280030"), (item, "00181164"), (item, "00182010"), (item, "00280034")]
    for source, tag in sources:
        numbers = source.numbers(tag) if source is not None else []
        if len(numbers) == 2 and min(numbers) > 0 and max(numbers) / min(numbers) <= _MOST_STRETCHED:
            return numbers[0], numbers[1]
    return 1.0, 1.0


def _duration(item: Item, number: int) -> float:
    """How long the frame is shown, in milliseconds; 0 if the object does not tell (PS3.3 C.7.6.5)."""
    rates = [item.number("00082144"), item.number("00180040")]
    times = item.numbers("00181065")
    own = times[number] if 0 < number < len(times) else None
    candidates = [1000 / rate for rate in rates if rate is not None and rate > 0]
    return next((each for each in (*candidates[:1], item.number("00181063"), own, *candidates[1:]) if each is not None and each > 0), 0.0)
