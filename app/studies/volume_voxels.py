"""From a plan to the file of its voxels: slice by slice, decoded by workers into one file that is kept for the next request.

Few slices stand in memory at one time, however many there are. Must not know HTTP, nor what is seen of the volume.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from app.dicom.stacks import Place
from app.dicom.voxels import Piece, Survey
from app.model import Access
from app.ports import Archive, VoxelFile
from app.studies.pictures import pictures
from app.studies.volume_plan import Plan

BATCH = 8
"""Slices of one job."""

AT_ONCE = 2
"""Jobs under way for one volume; others get their turn between them."""

VERSION = "1"
"""Of the voxels: files of another version are as good as none."""


@asynccontextmanager
async def opened(archive: Archive, plan: Plan, access: Access) -> AsyncIterator[tuple[VoxelFile, Survey]]:
    """The volume's file, built if it is not there, for as long as it is used. Busy, Unprocessable, NotFound, Unavailable."""

    async def build(file: VoxelFile) -> bytes:
        await _fill(archive, plan, access, file)
        return json.dumps(asdict(await archive.pixels.survey(file, plan.chosen.voxels))).encode()

    async with archive.volumes.opened(plan.keys, form_of(plan), plan.chosen.voxels.bytes, build) as file:
        yield file, Survey(**json.loads(file.facts))


def form_of(plan: Plan) -> str:
    """All that the voxels depend on."""
    slices = [f"{plan.records[each.instance].digest} {each.number}" for each in plan.slices]
    content = "\n".join((repr(plan.chosen.voxels), repr(plan.chosen.stack.places), *slices))
    return f"volume {VERSION} {hashlib.sha256(content.encode()).hexdigest()}"


async def _fill(archive: Archive, plan: Plan, access: Access, file: VoxelFile) -> None:
    places = list(enumerate(plan.chosen.stack.places))
    batches = [places[start : start + BATCH] for start in range(0, len(places), BATCH)]
    turn = asyncio.Semaphore(AT_ONCE)

    async def fill(batch: Sequence[tuple[int, Place]]) -> None:
        async with turn:
            pieces = [await _piece(archive, plan, access, number, place) for number, place in batch]
            await archive.pixels.fill(file, plan.chosen.voxels, pieces)

    tasks = [asyncio.create_task(fill(batch)) for batch in batches]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _piece(archive: Archive, plan: Plan, access: Access, number: int, place: Place) -> Piece:
    found = []
    for at in dict.fromkeys((place.lower, place.upper)):
        each = plan.slices[at]
        found += await pictures(archive, plan.records[each.instance], [each.number], access)
    return Piece(number, tuple(found), place.weight)
