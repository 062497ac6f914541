"""Look-up tables and windows of an image, read from its DICOM JSON (PS3.3 C.7.6.3.1.5, C.7.9, C.11.1, C.11.2, C.11.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.dicom.item import Item
from app.dicom.picture import Lut, Window, WindowShape

DESCRIPTOR, DATA = "00283002", "00283006"
WINDOW_CENTER, WINDOW_WIDTH, VOI_LUT_FUNCTION = "00281050", "00281051", "00281056"
_PALETTE = ("00281101", "00281201", "00281221"), ("00281102", "00281202", "00281222"), ("00281103", "00281203", "00281223")
_SHAPES = {"LINEAR_EXACT": WindowShape.LINEAR_EXACT, "SIGMOID": WindowShape.SIGMOID}


def first_table(item: Item | None, sequence: str, bulk: Mapping[str, bytes], *, signed: bool = False) -> Lut | None:
    """The first usable table of a Modality, VOI or Presentation LUT Sequence; None if there is none.

    `signed`: its input may be negative, so that a first value written without a sign is read as one with it.
    """
    for each in item.items(sequence) if item is not None else []:
        lut = _lut(each, DESCRIPTOR, DATA, bulk)
        if lut is not None:
            return replace(lut, first=lut.first - 65536) if signed and lut.first > 32767 else lut
    return None


def palette(dataset: Item, bulk: Mapping[str, bytes]) -> tuple[Lut, Lut, Lut] | None:
    """Red, Green and Blue Palette Color Lookup Tables, plain or segmented (PS3.3 C.7.9.2)."""
    found = []
    for descriptor, data, segmented in _PALETTE:
        lut = _lut(dataset, descriptor, data, bulk) or _lut(dataset, descriptor, segmented, bulk, segmented=True)
        if lut is None:
            return None
        found.append(lut)
    return found[0], found[1], found[2]


def _lut(item: Item, descriptor: str, data: str, bulk: Mapping[str, bytes], *, segmented: bool = False) -> Lut | None:
    numbers, octets = item.numbers(descriptor), item.octets(data, bulk)
    if len(numbers) != 3 or not octets:
        return None
    entries, first, bits = (int(number) for number in numbers)
    # Devices write the counts as signed numbers, too; 0 entries are 65536, and of the bits 8 to 16 make sense.
    return Lut(entries % 65536 or 65536, first, min(max(bits, 1), 16), octets, segmented)


def windows(item: Item | None) -> list[Window]:
    """Every window of the item that can be used, in order; LINEAR below a width of 1 has no meaning and is what LINEAR_EXACT is."""
    if item is None:
        return []
    shape = _SHAPES.get(item.text(VOI_LUT_FUNCTION).upper(), WindowShape.LINEAR)
    pairs = zip(item.numbers(WINDOW_CENTER), item.numbers(WINDOW_WIDTH), strict=False)
    return [
        Window(center, width, WindowShape.LINEAR_EXACT if shape is WindowShape.LINEAR and width < 1 else shape)
        for center, width in pairs
        if width > 0
    ]
