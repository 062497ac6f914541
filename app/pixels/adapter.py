"""`ports.Pixels` over the pool of workers: each method is one job, named in `jobs`."""

from __future__ import annotations

from collections.abc import Sequence

from app.dicom.depiction import Depiction
from app.dicom.picture import ImageAttributes, Picture
from app.dicom.voxels import Piece, Survey, Voxels
from app.dicomweb.rendering import View
from app.dicomweb.volume import Reformatting
from app.dicomweb.volume_look import Look
from app.dicomweb.volume_views import Shot
from app.model import Uid
from app.pixels import syntaxes
from app.pixels.pool import Pool
from app.ports import Levels, VoxelFile

_WARM_AFTER = 1.0
"""Seconds after the server's start, which has better to do at first than to share its processor."""


class WorkerPixels:
    """Decoding and rendering in the workers of `pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @property
    def decodable(self) -> frozenset[Uid]:
        return syntaxes.DECODABLE

    @property
    def encodable(self) -> frozenset[Uid]:
        return syntaxes.ENCODABLE

    def fitting(self, image: ImageAttributes, source: Uid) -> frozenset[Uid]:
        return syntaxes.fitting(image, source)

    async def transcode(self, frame: bytes, image: ImageAttributes, source: Uid, to: Uid) -> tuple[bytes, ImageAttributes]:
        facts, made = await self._pool.run("transcode", frame, image, source, to)
        return made, ImageAttributes(**facts | {"kind": image.kind})

    async def render(self, pictures: Sequence[Picture], view: View) -> bytes:
        _, made = await self._pool.run("render", tuple(pictures), view)
        return made

    async def depict(self, depictions: Sequence[Depiction], view: View) -> bytes:
        _, made = await self._pool.run("depict", tuple(depictions), view)
        return made

    async def extremes(self, pictures: Sequence[Picture], outliers: float = 0.0) -> tuple[float, float]:
        facts, _ = await self._pool.run("extremes", tuple(pictures), outliers)
        return facts["low"], facts["high"]

    async def fill(self, file: VoxelFile, voxels: Voxels, pieces: Sequence[Piece]) -> None:
        await self._pool.run("fill", str(file.path), file.offset, voxels, tuple(pieces))

    async def survey(self, file: VoxelFile, voxels: Voxels) -> Survey:
        facts, _ = await self._pool.run("survey", str(file.path), file.offset, voxels)
        return Survey(**facts)

    async def expose(self, file: VoxelFile, voxels: Voxels, shot: Shot, how: Look, reformatting: Reformatting) -> Levels:
        facts, made = await self._pool.run("expose", str(file.path), file.offset, voxels, shot, how, reformatting)
        return Levels(tuple(facts["shape"]), made)

    async def develop(self, exposures: Sequence[Levels], view: View, rate: float) -> bytes:
        _, made = await self._pool.run("develop", tuple(each.levels for each in exposures), exposures[0].shape, view, rate)
        return made

    def warm(self) -> None:
        self._pool.warm(_WARM_AFTER)

    async def check(self) -> None:
        await self._pool.check()

    async def close(self) -> None:
        await self._pool.close()
