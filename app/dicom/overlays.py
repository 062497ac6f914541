"""Overlay planes of an image, read from its DICOM JSON (PS3.3 C.9.2): packed ones, and retired ones in unused bits of the samples. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.dicom.item import Item
from app.dicom.picture import ImageAttributes, Overlay

GROUPS = tuple(f"60{group:02X}" for group in range(0, 0x20, 2))
DATA = "3000"
_SIDE = 65535


def overlays(dataset: Item, image: ImageAttributes, frame: int, bulk: Mapping[str, bytes]) -> Iterator[Overlay]:
    """The planes that lie over the frame (from 1), those of lower groups first."""
    for group in GROUPS:
        rows, columns = dataset.integer(group + "0010"), dataset.integer(group + "0011")
        packed = dataset.has(group + DATA)
        if not packed and dataset.has(group + "0100"):
            position = dataset.integer(group + "0102")
            if image.samples == 1 and 0 < position < image.allocated and not image.high - image.stored < position <= image.high:
                top, left = _origin(dataset, group)
                yield Overlay(image.rows, image.columns, top, left, None, position, _roi(dataset, group))
            continue
        if not 0 < rows <= _SIDE or not 0 < columns <= _SIDE or (number := _plane(dataset, group, frame)) is None:
            continue
        data = dataset.octets(group + DATA, bulk)
        if data is not None and (bits := _bits(data, number * rows * columns, rows * columns)) is not None:
            yield Overlay(rows, columns, *_origin(dataset, group), bits, 0, _roi(dataset, group))


def _plane(dataset: Item, group: str, frame: int) -> int | None:
    """Which plane of a multi-frame overlay lies over this frame, from 0; a plain one lies over every frame (PS3.3 C.9.3)."""
    count, first = dataset.integer(group + "0015"), dataset.integer(group + "0051", 1)
    if count <= 1:
        return 0 if not dataset.has(group + "0051") or frame == first else None
    return frame - first if first <= frame < first + count else None


def _bits(data: bytes, start: int, length: int) -> bytes | None:
    """`length` bits from bit `start` on, beginning anew in the lowest bit; None if they are not all there."""
    chunk = data[start // 8 : (start + length + 7) // 8]
    if len(chunk) * 8 < start % 8 + length:
        return None
    if not start % 8:
        return chunk
    return (int.from_bytes(chunk, "little") >> start % 8).to_bytes(len(chunk), "little")


def _origin(dataset: Item, group: str) -> tuple[int, int]:
    numbers = dataset.numbers(group + "0050")
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else (1, 1)


def _roi(dataset: Item, group: str) -> bool:
    return dataset.text(group + "0040") == "R"
