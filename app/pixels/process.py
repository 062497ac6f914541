"""One worker as the server sees it: started, asked, and killed. What it answers is not believed further than it can be checked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from app.pixels import wire

_ROOT = str(Path(__file__).resolve().parents[2])
_ENVIRONMENT = {
    "PYTHONPATH": _ROOT,
    # One thread each: there are as many workers as shall be at work, and every thread more takes address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
"""All of it: passwords, keys and addresses of the server's own environment have no place in a worker."""


class Broken(Exception):
    """The worker ended, or gave an answer that is none."""


class Worker:
    """A running worker, made by `start`. In the end `kill` it, and await `ended`."""

    def __init__(self, process: Process, connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._handle = _handle(process.pid)
        self.jobs = 0

    @classmethod
    async def start(cls, jobs: str, memory: int, samples: int) -> Self:
        """A worker that has loaded its codecs and may do `jobs` within these limits. Broken or OSError if there can be none."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                ours.setblocking(False)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-B", "-m", "app.pixels.worker", jobs, *map(str, (memory, samples, os.getpid()))),
                    stdin=theirs.fileno(),
                    stdout=DEVNULL,
                    stderr=DEVNULL,  # codecs quote what they read
                    env=_ENVIRONMENT,
                    cwd="/",
                )
        except BaseException:
            ours.close()
            raise
        worker = cls(process, ours)
        try:
            if await worker._answer() != ({"ready": True}, b""):
                raise Broken
        except BaseException:
            worker.kill()
            await asyncio.shield(worker.ended())
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def ask(self, pieces: list[bytes]) -> tuple[dict[str, Any], bytes]:
        """The facts and bytes with which it answers a job. Broken; left in mid-answer, the worker is of no further use."""
        self.jobs += 1
        loop = asyncio.get_running_loop()
        try:
            for piece in pieces:
                await loop.sock_sendall(self._connection, piece)
        except OSError:
            raise Broken from None
        return await self._answer()

    async def _answer(self) -> tuple[dict[str, Any], bytes]:
        head = await self._received(wire.ANSWER.size)
        length, size = wire.ANSWER.unpack(head)
        if length > wire.MOST_FACTS or size > wire.MOST_BYTES:
            raise Broken
        try:
            facts = json.loads(await self._received(length))
        except ValueError:
            raise Broken from None
        if not isinstance(facts, dict):
            raise Broken
        return facts, await self._received(size)

    async def _received(self, length: int) -> bytes:
        loop, data = asyncio.get_running_loop(), bytearray(length)
        left = memoryview(data)
        try:
            while left:
                count = await loop.sock_recv_into(self._connection, left)
                if not count:
                    raise Broken
                left = left[count:]
        except OSError:
            raise Broken from None
        return bytes(data)

    def kill(self) -> None:
        """Twice is fine."""
        self._connection.close()
        if self._handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = -1
        elif self.running:
            self._process.kill()

    async def ended(self) -> int:
        """Its exit status, once it has one: below zero the signal that ended it."""
        return await self._process.wait()


def _handle(pid: int) -> int:
    """What a signal is sent to, so that it never reaches another process which got the number since; -1 where there is no such thing.

    `Process.kill` would ask after the process first, and so take its exit status away from who waits for it.
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1
