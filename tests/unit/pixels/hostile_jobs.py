"""Jobs that no codec should do, for the tests of the pool: a worker that is given this module can do them and nothing else."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from app.errors import TooLarge
from app.pixels.decode import limit

__all__ = ["JOBS", "limit"]

Answer = tuple[dict[str, Any], bytes]


def echo(data: bytes) -> Answer:
    return {"pid": os.getpid(), "type": type(data).__name__}, data


def nap(seconds: float) -> Answer:
    time.sleep(seconds)
    return {"pid": os.getpid()}, b"slept"


def spin() -> Answer:
    while True:
        pass


def die(signal: int) -> Answer:
    os.kill(os.getpid(), signal)
    return {}, b""


def crash() -> Answer:
    ctypes.string_at(0)
    return {}, b""


def leave() -> Answer:
    sys.exit(0)


def eat() -> Answer:
    eaten = []
    while True:
        eaten.append(bytes(64 * 1024**2))


def stumble(kind: str) -> Answer:
    if kind == "refused":
        raise TooLarge("The picture is too large", clause="PS3.18 8.3")
    if kind == "sentence":
        raise ValueError("its rows are odd")
    raise RuntimeError("Doe^Jane: a codec quotes what it reads")


def forge(head: bytes) -> Answer:
    """Write on the socket what is no answer."""
    for number in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(number)) as connection:
                connection.sendall(head)
        except OSError:
            continue
    return {}, b""


def look_around() -> Answer:
    print("printed by a codec")
    os.write(2, b"printed by a codec")
    return {"environment": dict(os.environ), "folder": os.getcwd(), "input": os.read(0, 10).decode()}, b""


JOBS: dict[str, Callable[..., Answer]] = {
    job.__name__: job for job in (echo, nap, spin, die, crash, leave, eat, stumble, forge, look_around)
}
