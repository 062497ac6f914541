"""While one frame is sent the next ones are made: a few, so that workers have something to do and memory stays flat."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from app.studies.transcoding import Made, Transcoding

FRAMES = 4
BYTES = 64 * 1024 * 1024
"""What is made beforehand for one answer, at most."""


class Ahead:
    """The frames of one answer, `runs` after `runs`, each a Transcoding with the numbers of its frames; places count from 0 over all.

    `first`, if given, is the frame at place 0, which is there already.
    """

    def __init__(self, runs: Sequence[tuple[Transcoding, Sequence[int]]], first: Made | None = None) -> None:
        self._runs = runs
        self._ends = list(accumulate(len(numbers) for _, numbers in runs))
        self._first = first
        self._tasks: dict[int, asyncio.Task[Made]] = {}

    async def take(self, place: int, end: int | None = None) -> Made:
        """The frame at this place; those behind it, before `end`, are begun."""
        last = self._ends[-1] if end is None else end
        for at in [at for at in self._tasks if at < place]:
            self._tasks.pop(at).cancel()
        for at in range(place, min(place + self._depth(place), last)):
            if at not in self._tasks and not (at == 0 and self._first):
                self._tasks[at] = asyncio.create_task(self._made(at))
                self._tasks[at].add_done_callback(_seen)
        if place == 0 and self._first:
            return self._first
        return await self._tasks.pop(place)

    def close(self) -> None:
        """Give up what was begun."""
        while self._tasks:
            self._tasks.popitem()[1].cancel()

    async def _made(self, place: int) -> Made:
        run = bisect_right(self._ends, place)
        transcoding, numbers = self._runs[run]
        return await transcoding.frame(numbers[place - self._ends[run] + len(numbers)], patient=True)

    def _depth(self, place: int) -> int:
        transcoding, _ = self._runs[bisect_right(self._ends, place)]
        return max(1, min(FRAMES, BYTES // max(1, transcoding.frame_bytes)))


def _seen(task: asyncio.Task[Made]) -> None:
    """A frame that failed and that nobody came to take is nobody's error."""
    if not task.cancelled():
        task.exception()
