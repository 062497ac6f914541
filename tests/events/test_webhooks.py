"""Webhooks against a real receiver that fails, hangs, closes and recovers: at least once, in order, signed, nothing lost."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from app.events import relay, signing
from app.events.webhooks import Courier, refusal
from app.feed import Webhook
from app.model import ChangeKind
from tests.api.conftest import Site, open_site
from tests.builders import instance
from tests.services.receiver import Receiver, Taken, receiving

PATIENCE = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LOOK": 0.05, "RIVAL": 0.05, "KEPT": 0.05, "FIRST_PAUSE": 0.05}.items():
        monkeypatch.setattr(relay, name, value)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", webhooks={"seconds": 5}):
        yield opened


@pytest.fixture
async def hasty_site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site that gives up at once, and waits for an answer for half a second."""
    async for opened in open_site(tmp_path / "data", webhooks={"seconds": 0.5, "give_up_hours": 0}):
        yield opened


def number() -> Iterator[bytes]:
    return (instance(study_uid="1.2", series_uid="1.2.1", instance_uid=f"1.2.1.{n}") for n in itertools.count(1))


async def add(site: Site, receiver: Receiver, name: str = "ai", **more: Any) -> Webhook:
    hook = Webhook(name, receiver.url, signing.new_secret(), **more)
    assert await site.app.state.service.archive.webhooks.add(hook)
    return hook


async def state(site: Site) -> Webhook:
    hook: Webhook
    (hook,) = await site.app.state.service.archive.webhooks.all()
    return hook


async def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_a_receiver_is_told_of_what_comes_in_order_and_signed(site: Site, receiver: Receiver) -> None:
    hook = await add(site, receiver)
    parts = number()
    for _ in range(5):
        await site.store(next(parts))
    await site.http.delete("/studies/1.2")
    await until(lambda: len(receiver.taken) == 10)
    assert receiver.numbers == list(range(1, 11))
    assert [taken.events[0]["type"].rpartition(".")[2] for taken in receiver.taken] == ["stored"] * 5 + ["deleted"] * 5
    assert all(taken.is_signed(hook.secret) for taken in receiver.taken)
    assert not receiver.taken[0].is_signed(signing.new_secret())
    assert receiver.taken[0].headers["content-type"].startswith("application/cloudevents+json")
    assert receiver.taken[0].events[0]["source"] == "/dicom-web"


async def test_batches_and_kinds(site: Site, receiver: Receiver) -> None:
    parts = number()
    await site.store(*(next(parts) for _ in range(7)))
    await site.http.delete("/studies/1.2/series/1.2.1/instances/1.2.1.3")
    await site.store(next(parts))
    await add(site, receiver, "all", batch=4)
    await until(lambda: receiver.numbers == list(range(1, 10)))
    assert [len(taken.events) for taken in receiver.taken] == [4, 4, 1]
    assert receiver.taken[0].headers["content-type"].startswith("application/cloudevents-batch+json")
    receiver.taken.clear()
    await add(site, receiver, "deleted", kinds=frozenset({ChangeKind.DELETED}))
    await until(lambda: receiver.numbers == [8])
    await add(site, receiver, "later", position=8)
    await until(lambda: receiver.numbers == [8, 9])


async def test_what_fails_is_tried_again_and_nothing_overtakes_it(site: Site, receiver: Receiver) -> None:
    parts = number()
    failures = itertools.chain([503, None, 500, 302], itertools.repeat(204))

    def answer(_: Taken) -> tuple[int, dict[str, str]] | None:
        status = next(failures)
        return None if status is None else (status, {"Location": "http://127.0.0.1:9/elsewhere"} if status == 302 else {})

    receiver.answer = answer
    await add(site, receiver)
    await site.store(*(next(parts) for _ in range(4)))
    await until(lambda: len(receiver.taken) == 4)
    assert receiver.numbers == [1, 2, 3, 4]
    assert [taken.numbers for taken in receiver.tried] == [[1]] * 5 + [[2], [3], [4]]
    assert len({taken.headers["webhook-id"] for taken in receiver.tried[:5]}) == 1
    while (hook := await state(site)).position < 4:
        await asyncio.sleep(0.01)
    assert (hook.attempts, hook.trouble) == (0, "")


async def test_a_receiver_that_is_away_is_told_when_it_is_back(site: Site, receiver: Receiver) -> None:
    await add(site, receiver)
    receiver.stop()
    parts = number()
    await site.store(next(parts), next(parts))
    while not (hook := await state(site)).attempts:
        await asyncio.sleep(0.01)
    assert (hook.position, hook.trouble) == (0, "no connection could be made")
    receiver.start()
    await until(lambda: receiver.numbers == [1, 2])


async def test_a_receiver_that_hangs_holds_nobody_else_up(hasty_site: Site, receiver: Receiver) -> None:
    receiver.answer = receiver.silence
    await add(hasty_site, receiver, "hanging")
    parts = number()
    with receiving() as other:
        await add(hasty_site, other, "other")
        await hasty_site.store(next(parts), next(parts))
        await until(lambda: other.numbers == [1, 2])
    archive = hasty_site.app.state.service.archive
    async with asyncio.timeout(PATIENCE):
        while len(await archive.webhooks.undelivered("hanging")) < 2:
            await asyncio.sleep(0.01)
    lost = await archive.webhooks.undelivered("hanging")
    assert [(one.first, one.last, one.trouble) for one in lost] == [(n, n, "no answer within 0.5 seconds") for n in (1, 2)]


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_honoured(site: Site, receiver: Receiver, form: str) -> None:
    def answer(_: Taken) -> tuple[int, dict[str, str]]:
        if len(receiver.tried) > 1:
            return 204, {}
        return 503, {"Retry-After": "2" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)}

    receiver.answer = answer
    await add(site, receiver)
    await site.store(next(number()))
    await until(lambda: receiver.taken)
    first, second = receiver.tried
    assert second.at - first.at > 1.5


async def test_what_is_refused_for_good_is_laid_aside_and_replayed(site: Site, receiver: Receiver) -> None:
    parts = number()
    receiver.answer = lambda taken: (400, {}) if 2 in taken.numbers else (200, {})
    hook = await add(site, receiver)
    await site.store(*(next(parts) for _ in range(3)))
    await until(lambda: receiver.numbers == [1, 3])
    assert [taken.numbers for taken in receiver.tried] == [[1]] + [[2]] * relay.REFUSALS + [[3]]
    archive = site.app.state.service.archive
    (lost,) = await archive.webhooks.undelivered("ai")
    assert (lost.first, lost.last, lost.attempts, lost.trouble) == (2, 2, relay.REFUSALS, "answered 400")
    courier = Courier("/", 5)
    assert [trouble for _, trouble in await relay.retry(archive, courier, hook)] == ["answered 400"]
    receiver.answer = lambda _: (200, {})
    assert [trouble for _, trouble in await relay.retry(archive, courier, hook)] == [""]
    await courier.close()
    assert (receiver.numbers, await archive.webhooks.undelivered("ai")) == ([1, 3, 2], [])


async def test_a_webhook_that_is_removed_is_told_nothing_more(site: Site, receiver: Receiver) -> None:
    parts = number()
    await add(site, receiver)
    await site.store(next(parts))
    await until(lambda: receiver.numbers == [1])
    archive = site.app.state.service.archive
    await archive.webhooks.remove("ai")
    while await archive.upkeep.lease("webhook:ai", 60) is None:  # whoever serves it gives it back
        await asyncio.sleep(0.01)
    await site.store(next(parts))
    with receiving() as other:
        await add(site, other, "other")
        await until(lambda: other.numbers == [1, 2])
    assert receiver.numbers == [1]


async def test_the_next_process_goes_on_where_this_one_ended(tmp_path: Path, receiver: Receiver) -> None:
    parts = number()
    async for site in open_site(tmp_path / "data"):
        await add(site, receiver)
        await site.store(next(parts), next(parts))
        await until(lambda: receiver.numbers == [1, 2])
    async for site in open_site(tmp_path / "data"):
        await site.store(next(parts))
        await until(lambda: receiver.numbers == [1, 2, 3])


async def test_two_processes_deliver_once(tmp_path: Path, receiver: Receiver) -> None:
    parts = number()
    async for one in open_site(tmp_path / "data"):
        async for two in open_site(tmp_path / "data"):
            await add(one, receiver)
            for _ in range(6):
                await one.store(next(parts))
                await two.store(next(parts))
            await until(lambda: len(receiver.taken) >= 12)
            await asyncio.sleep(0.2)
            assert receiver.numbers == list(range(1, 13))


async def test_no_words_of_a_patient_and_no_secret_go_out(site: Site, receiver: Receiver) -> None:
    hook = await add(site, receiver)
    await site.store(instance(patient_name="Secret^Name", PatientID="Secret-ID", StudyDescription="Secret thing"))
    await until(lambda: receiver.taken)
    (taken,) = receiver.taken
    everything = taken.body + repr(taken.headers).encode()
    assert b"Secret" not in everything
    assert hook.secret.removeprefix("whsec_").encode() not in everything


@pytest.mark.parametrize(
    "url", ["https://ai.example.org/hook", "https://10.0.0.7:8443/", "http://127.0.0.1:9000/", "http://localhost/x", "http://[::1]:80/?a=b"]
)
def test_where_may_be_sent_to(url: str) -> None:
    assert refusal(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://ai.example.org/", "http://10.0.0.7/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "https:///x", "//127.0.0.1/",
        "https://me:secret@ai.example.org/", "https://ai.example.org/#x", "https://ai.example.org/a b", "https://ai.example.org/\n",
        "http://127.0.0.1.example.org/", "http://localhost.example.org/", "https://[::1", "https://ai.example.org:x/", "https://é.example.org/",
        "https://ai.example.org/" + "a" * 2000, "http://127.0.0.1@example.org/",
    ],
)  # fmt: skip
def test_where_may_not_be_sent_to(url: str) -> None:
    assert refusal(url)


async def test_nothing_is_sent_to_an_address_that_was_put_there_past_the_check() -> None:
    courier = Courier("/", 5)
    outcome = await courier.deliver(Webhook("x", "http://10.0.0.7/", signing.new_secret()), [])
    assert outcome.trouble
    await courier.close()


def test_pauses_grow_to_a_bound() -> None:
    pauses = [relay.pause_after(attempts) for attempts in (1, 3, 8, 40, 4000)]
    assert pauses[0] <= relay.FIRST_PAUSE
    assert relay.LONGEST_PAUSE / 2 <= pauses[-1] <= relay.LONGEST_PAUSE
    assert sorted(pauses[:3]) == pauses[:3]
