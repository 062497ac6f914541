"""What the index promises to those who follow its changes: interests, the newest one, and that whoever goes on by sequence misses none."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from app.feed import Interest, Undelivered, Webhook
from app.index import SqlIndex, open_index
from app.model import ChangeKind, Uid
from tests.contract.index import ALL, REFUSE, REPLACE, WithIndex, only, target
from tests.contract.records import record

WRITERS = 6
STORES = 12


class FollowingContract(WithIndex):
    async def test_changes_of_an_interest(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1"), record("2", "2.1", "2.1.1")], REFUSE)
        await index.add([record("2", "2.1", "2.1.1", content="other")], REPLACE)
        await index.remove(target("1"), access=ALL)

        async def told(interest: Interest) -> list[int]:
            return [change.sequence for change in await index.changes(0, 10, interest, access=ALL)]

        assert await told(Interest(kinds=frozenset({ChangeKind.DELETED, ChangeKind.REPLACED}))) == [3, 4]
        assert await told(Interest(studies=frozenset({Uid("1")}))) == [1, 4]
        assert await told(Interest(frozenset({ChangeKind.CREATED}), frozenset({Uid("2"), Uid("3")}))) == [2]
        assert await told(Interest(since=1000.5)) == [1, 2, 3, 4]
        assert await told(Interest(since=1000.75)) == []
        assert [change.sequence for change in await index.changes(1, 10, upto=3, access=ALL)] == [2, 3]

    async def test_many_who_ask_the_same_at_once_get_the_same(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", f"1.1.{n}") for n in range(5)], REFUSE)
        answers = await asyncio.gather(*(index.changes(n % 2, 10, upto=4, access=ALL) for n in range(40)))
        assert [[change.sequence for change in answer] for answer in answers[:2]] == [[1, 2, 3, 4], [2, 3, 4]]
        assert answers == answers[:2] * 20
        given_up = asyncio.create_task(index.changes(0, 10, upto=5, access=ALL))
        await asyncio.sleep(0)
        other = asyncio.create_task(index.changes(0, 10, upto=5, access=ALL))
        await asyncio.sleep(0)
        given_up.cancel()
        assert len(await other) == 5, "whoever gives up takes only himself away"

    async def test_the_newest_change_is_that_of_the_interest_and_the_access(self, index: SqlIndex) -> None:
        assert await index.latest_change(access=ALL) is None
        assert await index.newest() == 0
        await index.add([record("1", "1.1", "1.1.1"), record("2", "2.1", "2.1.1")], REFUSE)
        await index.remove(target("1"), access=ALL)
        assert await index.newest() == 3

        async def told(interest: Interest, access: object = ALL) -> int:
            change = await index.latest_change(interest, access=access)  # type: ignore[arg-type]
            return change.sequence if change else 0

        assert await told(Interest()) == 3
        assert await told(Interest(kinds=frozenset({ChangeKind.CREATED}))) == 2
        assert await told(Interest(), only("2")) == 2
        assert await told(Interest(kinds=frozenset({ChangeKind.DELETED})), only("2")) == 0

    async def test_whoever_goes_on_by_sequence_misses_nothing_that_others_write(self, index: SqlIndex, url: str) -> None:
        """Several writers, each with connections of its own as other workers have, whose transactions overlap; one reader."""
        others = [open_index(url, create=False, now=lambda: 1000.5) for _ in range(WRITERS)]
        seen: list[int] = []
        writing = True

        async def follow() -> None:
            while writing:
                found = await index.changes(seen[-1] if seen else 0, 3, access=ALL)
                seen.extend(change.sequence for change in found)
                newest = await index.newest()
                assert not seen or newest >= seen[-1]

        async def write(writer: int) -> None:
            mine = others[writer]
            for n in range(STORES):
                rows = [record(f"{writer}.{n}", f"{writer}.{n}.1", f"{writer}.{n}.1.{i}") for i in range(random.choice((1, 2, 9)))]
                await mine.add(rows, REFUSE)
                if n % 3 == 0:
                    await mine.remove(target(f"{writer}.{n}"), access=ALL)

        following = asyncio.create_task(follow())
        try:
            await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        finally:
            writing = False
            await following
            for other in others:
                await other.close()
        seen.extend(change.sequence for change in await index.changes(seen[-1] if seen else 0, 10_000, access=ALL))
        assert seen == [change.sequence for change in await index.changes(0, 10_000, access=ALL)]
        assert seen[-1] == await index.newest()


HOOK = Webhook("pacs", "https://pacs.example.org/hook", "whsec_c2VjcmV0", frozenset({ChangeKind.CREATED, ChangeKind.DELETED}), 5, 17)


class WebhooksContract(WithIndex):
    async def test_a_webhook_comes_back_whole_and_its_name_is_taken(self, index: SqlIndex) -> None:
        hooks = index.webhooks
        assert await hooks.all() == []
        assert await hooks.add(HOOK)
        assert not await hooks.add(replace(HOOK, url="https://elsewhere.example.org/"))
        other = replace(HOOK, name="ai", kinds=frozenset(), attempts=3, failing_since=1.5, next_try=2.5, trouble="answered 503")
        assert await hooks.add(other)
        assert await hooks.all() == [other, HOOK]
        assert (await hooks.remove("ai"), await hooks.remove("ai")) == (True, False)
        assert await hooks.all() == [HOOK]

    async def test_it_moves_on_with_what_is_given_up(self, index: SqlIndex) -> None:
        hooks = index.webhooks
        await hooks.add(HOOK)
        moved = replace(HOOK, position=20, attempts=2, failing_since=3.25, next_try=9.0, trouble="answered 500")
        lost = Undelivered("pacs", 18, 20, 7, 3.25, "answered 500")
        assert await hooks.moved(moved, lost)
        assert await hooks.moved(moved, replace(lost, first=21, last=21))
        assert await hooks.all() == [moved]
        first, second = await hooks.undelivered("pacs")
        assert (replace(first, number=0), (second.first, second.last)) == (lost, (21, 21))
        await hooks.settled(first.number)
        assert await hooks.undelivered("pacs") == [second]
        await hooks.hasten("pacs")
        assert [hook.next_try for hook in await hooks.all()] == [0.0]
        await hooks.remove("pacs")
        assert await hooks.undelivered("pacs") == []

    async def test_one_that_was_removed_does_not_move_another_of_its_name(self, index: SqlIndex) -> None:
        await index.webhooks.add(HOOK)
        await index.webhooks.remove("pacs")
        new = replace(HOOK, secret="whsec_b3RoZXI=", position=0)
        await index.webhooks.add(new)
        assert not await index.webhooks.moved(replace(HOOK, position=99), Undelivered("pacs", 1, 2, 1, 0.0, ""))
        assert (await index.webhooks.all(), await index.webhooks.undelivered("pacs")) == ([new], [])
