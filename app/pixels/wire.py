"""What goes between the server and a worker: a job one way, an answer the other, over one socket.

A job is a pickle of (name, arguments), which only our own process writes; large `bytes` in it follow as they are, for a pickle would copy
them. An answer is never a pickle, since what has decoded a hostile codestream is not believed: JSON facts of a bounded length, and bytes.
"""

from __future__ import annotations

import io
import json
import pickle
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any

ANSWER = Struct(">QQ")
"""Lengths of the facts and of the bytes."""

MOST_FACTS = 1024 * 1024
MOST_BYTES = 2 * 1024**3

_NUMBER = Struct(">Q")
_APART = 16 * 1024
"""`bytes` from this length on go apart from the pickle."""

_ONE_CALL = 1 << 30


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.apart: list[bytes] = []

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is not bytes or len(obj) < _APART:
            return None
        self.apart.append(obj)
        return len(self.apart) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, text: bytes, apart: Sequence[bytes]) -> None:
        super().__init__(io.BytesIO(text))
        self._apart = apart

    def persistent_load(self, pid: Any) -> Any:
        return self._apart[pid]


def job(name: str, arguments: tuple[Any, ...]) -> list[bytes]:
    """The job as pieces to be sent one behind the other."""
    text = io.BytesIO()
    pickler = _Pickler(text)
    pickler.dump((name, arguments))
    lengths = [text.tell(), *map(len, pickler.apart)]
    head = b"".join(map(_NUMBER.pack, [len(lengths), *lengths]))
    return [head + text.getvalue(), *pickler.apart]


def read_job(connection: socket.socket) -> tuple[str, tuple[Any, ...]] | None:
    """The next job; None once the other side has closed."""
    first = _received(connection, _NUMBER.size)
    if len(first) < _NUMBER.size:
        return None
    (count,) = _NUMBER.unpack(first)
    lengths = [_NUMBER.unpack(_received(connection, _NUMBER.size))[0] for _ in range(count)]
    text, *apart = [_received(connection, length) for length in lengths]
    name, arguments = _Unpickler(text, apart).load()
    return name, arguments


def answer(facts: dict[str, Any], body: bytes) -> list[bytes]:
    """The answer as pieces to be sent one behind the other."""
    text = json.dumps(facts).encode()
    return [ANSWER.pack(len(text), len(body)) + text, body]


def _received(connection: socket.socket, length: int) -> bytes:
    """So many bytes, in one piece without copying where the system gives them so; fewer only at the end."""
    parts, left = [], length
    while left:
        part = connection.recv(min(left, _ONE_CALL), socket.MSG_WAITALL)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
