"""One worker: reads jobs from the socket that is its standard input, answers on it, and may be killed at any moment.

It is started by `process`, with the module that names its jobs and its limits. It says so once it is ready, ends when the server
closes the socket or ends itself, and has nothing in its environment that is worth anything.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from app.errors import NotSupported, TooLarge, Unprocessable
from app.pixels import wire

Jobs = Mapping[str, Callable[..., tuple[dict[str, Any], bytes]]]

REFUSALS = {error.__name__: error for error in (Unprocessable, TooLarge, NotSupported)}
"""Errors of our own tree that a job may answer with."""

_PR_SET_PDEATHSIG = 1


def serve(connection: socket.socket, jobs: Jobs) -> None:
    """Do jobs until the other side closes."""
    _send(connection, {"ready": True}, b"")
    while (wanted := wire.read_job(connection)) is not None:
        name, arguments = wanted
        del wanted
        facts, body = _done(jobs, name, arguments)
        del arguments
        _send(connection, facts, body)


def _done(jobs: Jobs, name: str, arguments: tuple[Any, ...]) -> tuple[dict[str, Any], bytes]:
    try:
        facts, body = jobs[name](*arguments)
    except MemoryError:
        return {"error": "it needs more memory than a worker may take", "spent": True}, b""
    except tuple(REFUSALS.values()) as error:
        return {"refused": type(error).__name__, "error": error.detail, "clause": error.clause}, b""
    except Exception as error:  # noqa: BLE001 - whatever a codec raises is an answer, not the worker's end
        return {"error": str(error) if type(error) is ValueError else "its codestream or its attributes are damaged"}, b""
    return {"ok": facts}, body


def _send(connection: socket.socket, facts: dict[str, Any], body: bytes) -> None:
    for piece in wire.answer(facts, body):
        connection.sendall(piece)


def _confine(memory: int, parent: int) -> None:
    """Die with the server; take no more memory than that, leave no core."""
    # Ctrl-C, and what a supervisor sends to all processes at once, are for the server: it ends its workers when its last answer is given.
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(0)
    for limit, wanted in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(limit)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError):
            # macOS knows no limit of address space; the deadline still holds.
            if sys.platform == "linux":
                raise


def main() -> None:
    module, memory, samples, parent = sys.argv[1], *map(int, sys.argv[2:])
    _confine(memory, parent)
    connection = socket.socket(fileno=os.dup(0))
    # What a codec reads or prints is not the socket.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    # Codecs are loaded once the limits stand.
    jobs = importlib.import_module(module)
    jobs.limit(samples)
    serve(connection, jobs.JOBS)


if __name__ == "__main__":
    main()
