"""A volume as values: how its voxels are kept, and what is known of all of them. Pure. Must not know: arrays, files."""

from __future__ import annotations

from dataclasses import dataclass

from app.dicom.geometry import Grid
from app.dicom.picture import ImageAttributes, Picture, Samples

_KINDS = {(8, False): "u1", (8, True): "i1", (16, False): "u2", (16, True): "i2"}


@dataclass(frozen=True, slots=True)
class Voxels:
    """An array of (slices, rows, columns) on the grid: stored values of `kind` (`u1`, `i2`, `f4`, little endian).

    `slope` and `intercept` make real values of them (PS3.3 C.11.1).
    """

    grid: Grid
    kind: str
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of one voxel."""
        return int(self.kind[1])

    @property
    def slice_bytes(self) -> int:
        return self.grid.rows * self.grid.columns * self.size

    @property
    def bytes(self) -> int:
        return self.slice_bytes * self.grid.slices


@dataclass(frozen=True, slots=True)
class Piece:
    """What fills slice `number` of a volume (from 0): one picture, or two and how much nearer it lies to the second."""

    number: int
    pictures: tuple[Picture, ...]
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Survey:
    """Of the real values of all voxels: the least and the greatest, those beyond which one in two hundred lies on either side, and the
    value that parts them best into background and tissue (Otsu)."""

    least: float
    greatest: float
    low: float
    high: float
    parting: float


def kept_as(grid: Grid, image: ImageAttributes, rescales: set[tuple[float, float] | None]) -> Voxels:
    """How the voxels of slices with these rescales are kept: as stored if one rescale holds for all, else as real values.

    None stands for a slice that has a modality table instead.
    """
    (rescale, *others) = rescales
    if rescale is not None and not others and image.kind is Samples.INTEGER:
        slope, intercept = rescale
        kind = _KINDS.get((8 if image.stored <= 8 else 16, image.signed))
        if slope > 0 and kind is not None and image.stored <= 16:
            return Voxels(grid, kind, slope, intercept)
    return Voxels(grid, "f4")
