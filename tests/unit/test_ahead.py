"""Parts that are begun before their turn: few at a time, in order, given up when nobody wants them any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.api import ahead
from app.errors import Busy, Unprocessable
from app.model import Span
from app.studies.answers import Part


class Drawing:
    """Makes parts, and counts those at work, those that are done and not yet taken, and those that were given up."""

    def __init__(self) -> None:
        self.begun = self.given_up = self.done = 0
        self.most = 0
        self.taken = 0

    def part(self, number: int, *failures: Exception, made: bool = True) -> Part:
        left = list(failures)

        async def body(span: Span | None = None) -> AsyncIterator[bytes]:
            self.begun += 1
            self.most = max(self.most, self.begun - self.taken)
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                self.given_up += 1
                raise
            if left:
                raise left.pop(0)
            self.done += 1
            yield b"%d" % number

        return Part("image/png", None, f"/{number}", None, body, made=made)


async def read(drawing: Drawing, parts: list[Part]) -> list[bytes]:
    found = []
    async with aclosing(ahead.bodies(parts)) as bodies:
        async for chunks in bodies:
            found.append(b"".join([chunk async for chunk in chunks]))
            drawing.taken += 1
    return found


async def test_parts_come_in_order_and_never_more_than_a_few_stand_in_memory() -> None:
    drawing = Drawing()
    assert await read(drawing, [drawing.part(number) for number in range(500)]) == [b"%d" % number for number in range(500)]
    assert drawing.done == 500
    assert drawing.most == ahead.AHEAD


async def test_what_is_read_from_the_store_waits_for_its_turn() -> None:
    drawing = Drawing()
    parts = [drawing.part(number, made=number % 2 == 0) for number in range(8)]
    assert await read(drawing, parts) == [b"%d" % number for number in range(8)]


async def test_an_answer_that_breaks_off_gives_up_what_was_begun() -> None:
    drawing = Drawing()
    async with aclosing(ahead.bodies([drawing.part(number) for number in range(50)])) as bodies:
        first = await anext(bodies)
        assert [chunk async for chunk in first] == [b"0"]
        await anext(bodies)
        await asyncio.sleep(0)
    assert drawing.begun == drawing.done + drawing.given_up
    assert drawing.begun <= 2 * ahead.AHEAD


async def test_an_error_comes_with_its_part_and_ends_the_answer() -> None:
    drawing = Drawing()
    parts = [drawing.part(0), drawing.part(1, Unprocessable("broken")), *(drawing.part(number) for number in range(2, 9))]
    with pytest.raises(Unprocessable):
        await read(drawing, parts)
    assert drawing.taken == 1
    assert drawing.begun <= 2 * ahead.AHEAD


async def test_a_full_queue_refuses_the_first_part_and_is_waited_for_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PAUSE", 0.001)
    drawing = Drawing()
    with pytest.raises(Busy):
        await read(drawing, [drawing.part(0, Busy("full"))])
    assert await read(drawing, [drawing.part(0), drawing.part(1, Busy("full"), Busy("full"))]) == [b"0", b"1"]
    monkeypatch.setattr(ahead, "PATIENCE", 0.0)
    with pytest.raises(Busy):
        await read(drawing, [drawing.part(0), drawing.part(1, *[Busy("full")] * 50)])
