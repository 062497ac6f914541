"""The Mask module: which frames are subtracted from a frame (PS3.3 C.7.6.10). Pure.

Contrast frames are not averaged with their neighbours, which the module also knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dicom.attributes import tag
from app.dicom.item import Item

_SEQUENCE, _OPERATION, _RANGE = tag("MaskSubtractionSequence"), tag("MaskOperation"), tag("ApplicableFrameRange")
_FRAMES, _SHIFT, _OFFSET = tag("MaskFrameNumbers"), tag("MaskSubPixelShift"), tag("TIDOffset")
MOST_FRAMES = 32
"""Mask frames that are averaged at most; more would not make it better, only slower."""


@dataclass(frozen=True, slots=True)
class MaskOperation:
    """One item of the Mask Subtraction Sequence. `ranges` are pairs of first and last frame; without any it is for all frames.

    AVG_SUB takes the mean of `frames`, TID the frame that lies `offset` before; REV_TID and NONE subtract nothing.
    """

    operation: str
    ranges: tuple[tuple[int, int], ...]
    frames: tuple[int, ...]
    offset: int
    shift: tuple[float, float]

    def of(self, frame: int, count: int) -> tuple[int, ...]:
        """The frames to be subtracted from this one of `count`; none where it is not for this frame, or the mask does not exist."""
        if self.ranges and not any(first <= frame <= last for first, last in self.ranges):
            return ()
        if self.operation == "AVG_SUB":
            wanted = self.frames
        elif self.operation == "TID":
            wanted = (frame - self.offset,)
        else:
            wanted = ()
        return wanted if all(1 <= each <= count for each in wanted) else ()


def masks(item: Item) -> tuple[MaskOperation, ...]:
    return tuple(_mask(each) for each in item.items(_SEQUENCE))


def _mask(item: Item) -> MaskOperation:
    bounds = [int(number) for number in item.numbers(_RANGE)]
    shift = item.numbers(_SHIFT)
    return MaskOperation(
        operation=item.text(_OPERATION).upper(),
        ranges=tuple(zip(bounds[::2], bounds[1::2], strict=False)),
        frames=tuple(int(number) for number in item.numbers(_FRAMES)[:MOST_FRAMES]),
        offset=item.integer(_OFFSET, 1),
        shift=(shift[0], shift[1]) if len(shift) == 2 else (0.0, 0.0),
    )
