"""Worker processes for jobs on pixels: bounded in number, in waiting jobs, in time and in memory; each can be killed and is replaced.

A job that breaks its worker, hangs, or eats memory costs one answer. A caller who goes away leaves the job to be finished, within its time,
so that no worker is left in mid-answer and none needs to be started anew. Must not know: what the jobs are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any

from app.errors import Busy, Unavailable, Unprocessable
from app.meter import Meter, NoMeter
from app.pixels import wire
from app.pixels.process import Broken, Worker
from app.pixels.worker import REFUSALS

log = logging.getLogger("radiolucent")

START_SECONDS = 60.0
LONGEST_SENTENCE = 300
BUSY = "Too many jobs on pixel data are waiting; try again"
CLOSING = "The server is shutting down"
NO_WORKER = "No worker for pixel data can be started; the memory that one may take (RADIOLUCENT_PIXELS__MEMORY) may be too small"

Answer = tuple[dict[str, Any], bytes]


class Pool:
    """At most `workers` processes, started when needed; at most `waiting` jobs beside those at work.

    Each job has `seconds`, and waits no longer than that. `memory` is the address space of a worker in bytes, `samples` are those of one
    frame. After `most_jobs` a worker is replaced, whatever its codecs have leaked. `jobs` is the module whose JOBS it can do.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        waiting: int = 64,
        seconds: float = 30.0,
        memory: int = 2 * 1024**3,
        samples: int = 128 * 1024**2,
        most_jobs: int = 2000,
        jobs: str = "app.pixels.jobs",
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter or NoMeter()
        self._all: set[Worker] = set()
        self._free: list[Worker] = []
        self._coming: asyncio.Task[Worker] | None = None
        self._places = asyncio.Semaphore(workers)
        self._most = workers + waiting
        self._seconds = seconds
        self._most_jobs = most_jobs
        self._worker_options = jobs, memory, samples
        self._count = 0
        self._working: set[asyncio.Task[Any]] = set()
        self._ending: set[asyncio.Task[Any]] = set()
        self._failed = False
        self._closed = False

    @property
    def jobs(self) -> int:
        """Those that wait or run."""
        return self._count

    @property
    def workers(self) -> int:
        return len(self._all)

    async def run(self, job: str, *arguments: Any) -> Answer:
        """The facts and bytes that the job gives. Busy; Unavailable if there can be no worker; Unprocessable, TooLarge, NotSupported."""
        began = time.perf_counter()
        outcome = "done"
        try:
            return await self._run(job, *arguments)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._meter.job(job, outcome, time.perf_counter() - began)

    async def _run(self, job: str, *arguments: Any) -> Answer:
        if self._closed:
            raise Unavailable(CLOSING)
        if self._count >= self._most:
            raise Busy(BUSY)
        self._count += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError:
            self._count -= 1
            raise Busy(BUSY) from None
        except BaseException:
            self._count -= 1
            raise
        if self._closed:
            self._leave()
            raise Unavailable(CLOSING)
        task = _kept(self._working, self._work(job, arguments))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by `close`, and not the caller
                raise Unavailable(CLOSING) from None
            raise

    def warm(self, after: float) -> None:
        """Have one worker started beforehand, so many seconds from now; does not wait for it."""
        _kept(self._working, self._warmed(after))

    async def check(self) -> None:
        """Unavailable if the last worker that was needed could not be started."""
        if self._failed:
            raise Unavailable(NO_WORKER)

    async def close(self) -> None:
        """End every worker and whatever it does; returns once the processes are gone."""
        self._closed = True
        for task in self._working:
            task.cancel()
        while self._working:
            await asyncio.wait(self._working)
        self._free.clear()
        for worker in list(self._all):
            self._dismiss(worker)
        while self._ending:
            await asyncio.wait(self._ending)

    async def _warmed(self, after: float) -> None:
        await asyncio.sleep(after)
        if self._free or self._count or self._coming or self._closed:
            return
        self._coming = coming = _kept(self._working, self._start())
        await asyncio.wait({coming})
        if self._coming is coming:  # nobody has been waiting for it
            self._coming = None
            if not coming.exception():
                self._free.append(coming.result())

    async def _work(self, job: str, arguments: tuple[Any, ...]) -> Answer:
        try:
            facts, body = await self._asked(job, wire.job(job, arguments))
        finally:
            self._leave()
        if isinstance(facts.get("ok"), dict):
            return facts["ok"], body
        sentence = str(facts.get("error", ""))[:LONGEST_SENTENCE]
        if refusal := REFUSALS.get(str(facts.get("refused"))):
            raise refusal(sentence, clause=str(facts.get("clause", ""))[:LONGEST_SENTENCE])
        raise Unprocessable(f"The pixel data cannot be brought into this form: {sentence}")

    def _leave(self) -> None:
        self._count -= 1
        self._places.release()

    async def _asked(self, job: str, pieces: list[bytes]) -> Answer:
        worker = await self._worker()
        whole, why = False, ""
        try:
            async with asyncio.timeout(self._seconds):
                facts, body = await worker.ask(pieces)
            whole = True
        except TimeoutError:
            why = f"took longer than {self._seconds:g} seconds"
            raise Unprocessable("The pixel data took longer than one job may take") from None
        except Broken:
            why = "broke its worker"
            raise Unprocessable("The pixel data broke its decoder") from None
        finally:
            if whole and not facts.get("spent") and worker.jobs < self._most_jobs and not self._closed:
                self._free.append(worker)
            else:
                self._dismiss(worker, why and f"A job on pixel data ({job}) {why}")
                if not self._closed:
                    self.warm(0)  # so that the next caller need not wait for the start of another
        return facts, body

    async def _worker(self) -> Worker:
        while self._free:
            worker = self._free.pop()
            if worker.running:
                return worker
            self._dismiss(worker, "A worker for pixel data ended without having anything to do")
        coming, self._coming = self._coming, None
        return await (asyncio.shield(coming) if coming else self._start())

    async def _start(self) -> Worker:
        try:
            async with asyncio.timeout(START_SECONDS):
                worker = await Worker.start(*self._worker_options)
        except (Broken, OSError, TimeoutError):
            self._failed = True
            log.error(NO_WORKER)
            raise Unavailable(NO_WORKER) from None
        self._failed = False
        self._all.add(worker)
        return worker

    def _dismiss(self, worker: Worker, why: str = "") -> None:
        self._all.discard(worker)
        worker.kill()
        _kept(self._ending, _gone(worker, why))


async def _gone(worker: Worker, why: str) -> None:
    status = await worker.ended()
    if why:
        log.warning("%s; the worker was replaced (exit status %d)", why, status)


def _kept(tasks: set[asyncio.Task[Any]], work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that is referred to for as long as it runs, whose failure is not lost on the log when nobody waits for it any more."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
