"""What every cache of derived forms promises (`ports.Derived`), as a suite: a backend's test module subclasses `DerivedContract`.

It brings two fixtures: `stored`, the keys whose blobs are there, and `opened`, which opens a cache of so many bytes that asks `stored`; and
`kept`, which tells how many bytes really lie behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.errors import Unprocessable
from app.ports import Derived

KEY, OTHER = "instances/018bc/fe5/018bcfe56800-0123456789abcdef", "instances/018bc/fe5/018bcfe56801-0123456789abcdef"
ROOMY = 1024 * 1024
Opened = Callable[[int], Derived]
Kept = Callable[[], int]


class Maker:
    """Gives `body` and counts how often it was asked; with `gate` it waits for that first."""

    def __init__(self, body: bytes = b"made", gate: asyncio.Event | None = None) -> None:
        self.body = body
        self.gate = gate
        self.calls = 0

    async def __call__(self) -> bytes:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.body


async def settled(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class DerivedContract:
    @pytest.fixture
    def stored(self) -> set[str]:
        return {KEY, OTHER}

    async def test_what_was_made_once_is_not_made_again(self, opened: Opened) -> None:
        derived, make = opened(ROOMY), Maker(bytes(range(256)) * 9)
        assert [await derived.made(KEY, "a", make) for _ in range(3)] == [make.body] * 3
        assert make.calls == 1

    async def test_forms_and_instances_are_told_apart(self, opened: Opened) -> None:
        derived = opened(ROOMY)
        names = [(KEY, "a"), (KEY, "b"), (OTHER, "a"), (KEY, "a/b"), (KEY, "ä\n..")]
        for number, (key, form) in enumerate(names):
            await derived.made(key, form, Maker(bytes([number])))
        never = Maker()
        assert [await derived.made(key, form, never) for key, form in names] == [bytes([number]) for number in range(len(names))]
        assert never.calls == 0

    async def test_an_empty_form_is_a_form(self, opened: Opened) -> None:
        derived, make = opened(ROOMY), Maker(b"")
        assert [await derived.made(KEY, "a", make) for _ in range(2)] == [b"", b""]
        assert make.calls == 1

    @pytest.mark.parametrize("most", [ROOMY, 0])
    async def test_sixty_four_equal_requests_make_one(self, opened: Opened, most: int) -> None:
        derived, make = opened(most), Maker(gate=asyncio.Event())
        requests = [asyncio.create_task(derived.made(KEY, "a", make)) for _ in range(64)]
        await settled(lambda: make.calls > 0)
        assert make.gate is not None
        make.gate.set()
        assert await asyncio.gather(*requests) == [b"made"] * 64
        assert make.calls == 1

    async def test_a_first_requester_who_gives_up_does_not_fail_the_others(self, opened: Opened) -> None:
        derived, make = opened(ROOMY), Maker(gate=asyncio.Event())
        first, *others = [asyncio.create_task(derived.made(KEY, "a", make)) for _ in range(4)]
        await settled(lambda: make.calls > 0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert make.gate is not None
        make.gate.set()
        assert await asyncio.gather(*others) == [b"made"] * 3
        assert make.calls == 1

    async def test_what_nobody_waits_for_any_more_is_given_up(self, opened: Opened) -> None:
        derived, ended = opened(ROOMY), asyncio.Event()

        async def endless() -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return b""

        requests = [asyncio.create_task(derived.made(KEY, "a", endless)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await asyncio.wait_for(ended.wait(), 5)
        assert await derived.made(KEY, "a", Maker()) == b"made"

    async def test_who_comes_back_soon_finds_the_work_still_under_way(self, opened: Opened) -> None:
        derived, make = opened(ROOMY), Maker(gate=asyncio.Event())
        first = asyncio.create_task(derived.made(KEY, "a", make))
        await settled(lambda: make.calls > 0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(derived.made(KEY, "a", make))
        assert make.gate is not None
        make.gate.set()
        assert await second == b"made"
        assert make.calls == 1

    async def test_a_failure_goes_to_everyone_and_is_not_kept(self, opened: Opened) -> None:
        derived, gate = opened(ROOMY), asyncio.Event()

        async def broken() -> bytes:
            await gate.wait()
            raise Unprocessable("The codestream is damaged")

        requests = [asyncio.create_task(derived.made(KEY, "a", broken)) for _ in range(3)]
        await asyncio.sleep(0.05)
        gate.set()
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unprocessable] * 3
        assert await derived.made(KEY, "a", Maker()) == b"made"

    async def test_the_bound_is_kept_and_what_was_used_longest_ago_goes_first(self, opened: Opened, kept: Kept) -> None:
        most = 40 * 4096
        derived = opened(most)
        for number in range(200):
            await derived.made(KEY, f"{number}", Maker(bytes(4000)))
            await derived.made(KEY, "0", Maker(bytes(4000)))  # used all the time, hence never the oldest
            if number % 10 == 0:
                await settled(lambda: kept() <= most)
        await settled(lambda: kept() <= most)
        assert kept() > most // 2
        never = Maker()
        await derived.made(KEY, "0", never)
        await derived.made(KEY, "199", never)
        assert never.calls == 0
        await derived.made(KEY, "1", never)
        assert never.calls == 1

    async def test_one_form_never_drives_out_all_the_others(self, opened: Opened) -> None:
        derived, large = opened(ROOMY), Maker(bytes(ROOMY // 2))
        await derived.made(KEY, "small", Maker())
        assert [len(await derived.made(KEY, "large", large)) for _ in range(2)] == [ROOMY // 2] * 2
        assert large.calls == 2
        never = Maker()
        assert await derived.made(KEY, "small", never) == b"made"
        assert never.calls == 0

    async def test_nothing_is_kept_without_room(self, opened: Opened, kept: Kept) -> None:
        derived, make = opened(0), Maker()
        assert [await derived.made(KEY, "a", make) for _ in range(2)] == [b"made"] * 2
        assert make.calls == 2
        assert kept() == 0

    async def test_all_that_was_derived_of_an_instance_is_forgotten_at_once(self, opened: Opened) -> None:
        derived = opened(ROOMY)
        for form in ("a", "b"):
            await derived.made(KEY, form, Maker())
            await derived.made(OTHER, form, Maker())
        await derived.forget([KEY, "never stored"])
        again, never = Maker(b"anew"), Maker()
        assert [await derived.made(KEY, form, again) for form in ("a", "b")] == [b"anew"] * 2
        assert [await derived.made(OTHER, form, never) for form in ("a", "b")] == [b"made"] * 2
        assert never.calls == 0

    async def test_what_is_made_of_an_instance_while_it_is_deleted_is_not_kept(self, opened: Opened, kept: Kept, stored: set[str]) -> None:
        derived, make = opened(ROOMY), Maker(gate=asyncio.Event())
        request = asyncio.create_task(derived.made(KEY, "a", make))
        await settled(lambda: make.calls > 0)
        stored.remove(KEY)
        await derived.forget([KEY])
        assert make.gate is not None
        make.gate.set()
        assert await request == b"made"
        assert kept() == 0

    async def test_closing_ends_what_is_under_way(self, opened: Opened) -> None:
        derived, make = opened(ROOMY), Maker(gate=asyncio.Event())
        request: asyncio.Future[bytes] = asyncio.ensure_future(_awaited(derived.made(KEY, "a", make)))
        await settled(lambda: make.calls > 0)
        await derived.close()
        with pytest.raises(asyncio.CancelledError):
            await request


async def _awaited(work: Awaitable[bytes]) -> bytes:
    return await work
