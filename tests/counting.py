"""A site whose jobs on pixels are counted, and can be held up: the real workers do them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

from app.dicom.picture import ImageAttributes
from app.errors import Busy
from app.model import Uid
from app.ports import Pixels
from tests.api.conftest import Site


class CountedPixels:
    """`ports.Pixels` that hands everything on. `jobs` counts transcodings by (frame's bytes, syntax); with `gate` they wait for it.

    `busy` are jobs, counted from 0, at whose turn the queue is full.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self.jobs: Counter[tuple[bytes, Uid]] = Counter()
        self.gate: asyncio.Event | None = None
        self.busy: set[int] = set()
        self._turn = 0

    async def transcode(self, frame: bytes, image: ImageAttributes, source: Uid, to: Uid) -> tuple[bytes, ImageAttributes]:
        turn, self._turn = self._turn, self._turn + 1
        if turn in self.busy:
            raise Busy("Too many pictures are being made; try again")
        self.jobs[frame, to] += 1
        if self.gate is not None:
            await self.gate.wait()
        return await self._pixels.transcode(frame, image, source, to)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pixels, name)


def counted(site: Site) -> CountedPixels:
    """From now on the site's transcodings are counted."""
    service = site.app.state.service
    pixels = CountedPixels(service.archive.pixels)
    site.app.state.service = replace(service, archive=replace(service.archive, pixels=pixels))
    return pixels
