"""The pool of workers: whatever a job does to its worker costs one answer, and the next job is done."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from struct import pack
from typing import Any

import pytest
import uvloop

from app.errors import Busy, DicomwebError, TooLarge, Unavailable, Unprocessable
from app.pixels.pool import Pool

MODULE = "tests.unit.pixels.hostile_jobs"
MEMORY = 768 * 1024**2

Make = Callable[..., Pool]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    pools: list[Pool] = []

    def made(**options: Any) -> Pool:
        settings: dict[str, Any] = {"workers": 1, "memory": MEMORY, "jobs": MODULE, "seconds": 20.0}
        pools.append(Pool(**settings | options))
        return pools[-1]

    yield made
    for pool in pools:
        await pool.close()


async def pid_of(pool: Pool) -> int:
    facts, _ = await pool.run("echo", b"")
    return int(facts["pid"])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = process.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(process.parent.name))
    return found


async def gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return not is_running(pid)


@pytest.mark.parametrize("size", [0, 1, 16 * 1024 - 1, 16 * 1024, 300_000, 20_000_001])
async def test_bytes_of_any_size_go_there_and_back(make: Make, size: int) -> None:
    data = os.urandom(size)
    facts, back = await make().run("echo", data)
    assert back == data
    assert facts["type"] == "bytes"


async def test_a_worker_is_used_again(make: Make) -> None:
    pool = make()
    assert await pid_of(pool) == await pid_of(pool)


@pytest.mark.parametrize(
    ("job", "arguments", "sentence"),
    [
        ("die", (signal.SIGKILL,), "broke its decoder"),
        ("die", (signal.SIGABRT,), "broke its decoder"),
        ("crash", (), "broke its decoder"),
        ("leave", (), "broke its decoder"),
        ("eat", (), "more memory than a worker may take"),
        ("forge", (b"\xff" * 16,), "broke its decoder"),
        ("forge", (pack(">QQ", 4, 0) + b"null",), "broke its decoder"),
        ("forge", (pack(">QQ", 4, 0) + b"{{{{",), "broke its decoder"),
        ("forge", (pack(">QQ", 2, 2**50) + b"{}",), "broke its decoder"),
    ],
)
async def test_a_broken_worker_costs_one_answer_and_is_replaced(make: Make, job: str, arguments: tuple[Any, ...], sentence: str) -> None:
    pool = make()
    before = await pid_of(pool)
    with pytest.raises(Unprocessable, match=sentence):
        await pool.run(job, *arguments)
    assert await pid_of(pool) != before
    assert await gone(before)


@pytest.mark.parametrize(("job", "arguments"), [("nap", (1000,)), ("spin", ())])
async def test_a_job_that_hangs_is_killed_at_its_deadline(make: Make, job: str, arguments: tuple[Any, ...]) -> None:
    pool = make(seconds=1.0)
    before = await pid_of(pool)
    began = time.monotonic()
    with pytest.raises(Unprocessable, match="longer than one job may take"):
        await pool.run(job, *arguments)
    assert 0.9 < time.monotonic() - began < 5
    assert await gone(before)
    assert await pid_of(pool) != before


async def test_why_a_worker_was_killed_stands_in_the_log_without_what_it_read(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    pool = make()
    with pytest.raises(Unprocessable):
        await pool.run("die", signal.SIGKILL)
    await pool.close()
    assert [record.getMessage() for record in caplog.records if record.name == "radiolucent"] == [
        "A job on pixel data (die) broke its worker; the worker was replaced (exit status -9)"
    ]


@pytest.mark.parametrize(
    ("kind", "error", "detail"),
    [
        ("refused", TooLarge, "The picture is too large"),
        ("sentence", Unprocessable, "The pixel data cannot be brought into this form: its rows are odd"),
        ("other", Unprocessable, "The pixel data cannot be brought into this form: its codestream or its attributes are damaged"),
    ],
)
async def test_what_a_job_raises_is_told_in_our_words_only(make: Make, kind: str, error: type[DicomwebError], detail: str) -> None:
    pool = make()
    before = await pid_of(pool)
    with pytest.raises(error) as raised:
        await pool.run("stumble", kind)
    assert raised.value.detail == detail
    assert await pid_of(pool) == before


async def test_a_worker_has_no_secrets_and_its_prints_go_nowhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_DATABASE__URL", "postgresql://user:secret@host/name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    facts, _ = await make().run("look_around")
    # LC_CTYPE is set by Python itself (PEP 538).
    assert set(facts["environment"]) <= {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX", "LC_CTYPE"}
    assert "secret" not in str(facts)
    assert (facts["folder"], facts["input"]) == ("/", "")


async def test_beyond_those_that_may_wait_one_is_told_to_come_again(make: Make) -> None:
    pool = make(workers=1, waiting=2)
    jobs = [asyncio.create_task(pool.run("nap", 0.3)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as raised:
        await pool.run("echo", b"")
    assert raised.value.status == 503
    assert [body for _, body in await asyncio.gather(*jobs)] == [b"slept"] * 3
    assert (await pool.run("echo", b"again"))[1] == b"again"


async def test_who_waits_too_long_is_told_to_come_again(make: Make) -> None:
    pool = make(seconds=1.0)
    await pid_of(pool)
    slow = asyncio.create_task(pool.run("nap", 1000))
    await asyncio.sleep(0.2)
    quick = asyncio.create_task(pool.run("nap", 1000))
    await asyncio.sleep(0.1)
    outcomes = await asyncio.gather(slow, quick, pool.run("echo", b""), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:1]] == [Unprocessable]
    assert any(isinstance(outcome, Busy) for outcome in outcomes[1:])
    assert (await pool.run("echo", b"again"))[1] == b"again"


async def test_what_ends_the_server_ends_a_worker_only_when_the_server_is_done(make: Make) -> None:
    """A terminal and systemd signal all processes at once, while the server still answers."""
    pool = make()
    before = await pid_of(pool)
    for request in (signal.SIGINT, signal.SIGTERM):
        working = asyncio.create_task(pool.run("nap", 0.2))
        await asyncio.sleep(0.05)
        os.kill(before, request)
        assert (await working)[1] == b"slept"
    assert await pid_of(pool) == before


async def test_a_worker_that_was_lost_is_replaced_before_anybody_asks(make: Make) -> None:
    pool = make()
    before = children()
    with pytest.raises(Unprocessable):
        await pool.run("crash")
    for _ in range(200):
        await asyncio.sleep(0.05)
        if fresh := children() - before:
            break
    assert {await pid_of(pool)} == fresh


async def test_as_many_jobs_at_once_as_there_are_workers(make: Make) -> None:
    pool = make(workers=2)
    facts = await asyncio.gather(*(pool.run("nap", 0.5) for _ in range(6)))
    assert len({fact["pid"] for fact, _ in facts}) == 2


async def test_a_caller_who_goes_away_leaves_no_answer_for_the_next(make: Make) -> None:
    pool = make()
    before = await pid_of(pool)
    for wait in (0.0, 0.01, 0.1, 0.3):
        leaving = asyncio.create_task(pool.run("nap", 0.2))
        await asyncio.sleep(wait)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert (await pool.run("echo", b"mine"))[1] == b"mine"
    assert await pid_of(pool) == before


async def test_who_goes_away_while_waiting_is_forgotten(make: Make) -> None:
    pool = make(workers=1, waiting=1)
    await pid_of(pool)
    working = asyncio.create_task(pool.run("nap", 0.3))
    await asyncio.sleep(0.05)
    for _ in range(5):
        waiting = asyncio.create_task(pool.run("nap", 1000))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (await working)[1] == b"slept"
    began = time.monotonic()
    assert (await pool.run("echo", b"mine"))[1] == b"mine"
    assert time.monotonic() - began < 5


async def test_a_worker_that_died_at_rest_is_replaced_unnoticed(make: Make) -> None:
    pool = make()
    before = await pid_of(pool)
    os.kill(before, signal.SIGKILL)
    assert await gone(before)
    await asyncio.sleep(0.1)
    assert await pid_of(pool) != before


async def test_after_so_many_jobs_a_worker_is_replaced(make: Make) -> None:
    pool = make(most_jobs=3)
    pids = [await pid_of(pool) for _ in range(7)]
    assert [len(set(pids[:3])), len(set(pids[3:6])), len(set(pids))] == [1, 1, 3]
    assert await gone(pids[0])


async def test_closing_ends_every_worker_and_what_it_does(make: Make) -> None:
    pool = make(workers=2)
    pids = {fact["pid"] for fact, _ in await asyncio.gather(pool.run("nap", 0.3), pool.run("nap", 0.3))}
    hanging = asyncio.create_task(pool.run("nap", 1000))
    await asyncio.sleep(0.05)
    await pool.close()
    assert [pid for pid in pids if is_running(pid)] == []
    with pytest.raises(Unavailable, match="shutting down"):
        await hanging
    with pytest.raises(Unavailable, match="shutting down"):
        await pool.run("echo", b"")


async def test_the_first_worker_is_started_beforehand(make: Make) -> None:
    pool = make()
    before = children()
    pool.warm(0)
    for _ in range(200):
        await asyncio.sleep(0.05)
        if children() != before:
            break
    (worker,) = children() - before
    assert await pid_of(pool) == worker
    await pool.check()


async def test_who_comes_first_does_not_wait_for_that(make: Make) -> None:
    pool = make(workers=2)
    before = children()
    pool.warm(0.05)
    job = asyncio.create_task(pool.run("nap", 0.5))
    await asyncio.sleep(0.2)
    assert len(children() - before) == 1
    assert (await job)[1] == b"slept"


async def test_a_server_that_ends_at_once_has_started_nothing(make: Make) -> None:
    before = children()
    pool = make()
    pool.warm(60)
    await asyncio.sleep(0)
    await pool.close()
    assert children() == before


@pytest.mark.parametrize("options", [{"memory": 16 * 1024**2}, {"jobs": "tests.unit.pixels.no_such_module"}])
async def test_where_no_worker_can_be_started_it_is_said_so(make: Make, options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    pool = make(**options)
    await pool.check()
    pool.warm(0)
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="RADIOLUCENT_PIXELS__MEMORY"):
        await pool.run("echo", b"")
    with pytest.raises(Unavailable):
        await pool.check()
    assert "No worker for pixel data can be started" in caplog.text


def test_it_is_the_same_under_the_event_loop_of_the_server() -> None:
    async def main() -> None:
        before = children()
        pool = Pool(workers=1, jobs=MODULE, memory=MEMORY, seconds=3.0)
        try:
            pool.warm(0)
            data = os.urandom(3_000_000)
            for job, arguments in (("die", (signal.SIGKILL,)), ("spin", ()), ("eat", ())):
                assert (await pool.run("echo", data))[1] == data
                with pytest.raises(Unprocessable):
                    await pool.run(job, *arguments)
        finally:
            await pool.close()
        assert children() == before

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


SERVER = """
import asyncio
from app.pixels.pool import Pool

async def main():
    pool = Pool(workers=1, jobs="tests.unit.pixels.hostile_jobs")
    facts, _ = await pool.run("echo", b"")
    busy = asyncio.create_task(pool.run(*{job!r}))
    await asyncio.sleep(0.2)
    print(facts["pid"], flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.mark.parametrize("job", [("echo", b""), ("spin",)])
async def test_workers_end_with_their_server_however_it_ends(job: tuple[Any, ...], root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER.format(job=job)], stdout=subprocess.PIPE, text=True, cwd=root) as server:
        assert server.stdout is not None
        pid = int(await asyncio.to_thread(server.stdout.readline))
        assert is_running(pid)
        server.kill()
        server.wait()
    assert await gone(pid)
