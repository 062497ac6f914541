"""Signed heads: from time to time a writer says, signed, how far its chain has come. So an end that was cut off is found as well.

They stand in a file of their own beside the trail, one JSON line each, numbered and chained over all writers:

    {"head":12,"kind":"begin","time":"...","writer":"9f86d081884c7d65","sequence":0,"hash":"","previous":"<hash of head 11>","key":"...",
     "signature":"<base64 of Ed25519 over the line before this member>"}

`begin` comes before the first record of a writer, which names the hash of that line as its previous one; `mark` from time to time; `end`
when it closes. The file never holds a word of anybody.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.audit.chain import Chain, encoded, hash_of, signed_line
from app.audit.keys import Keys
from app.dicomweb.times import moment

Kind = Literal["begin", "mark", "end"]
TAIL = 64 * 1024
"""Bytes from the end of the file among which its last whole line is looked for."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The file of heads, which several processes append to."""

    path: Path

    def append(self, keys: Keys, kind: Kind, chain: Chain, at: float) -> str:
        """Write and flush one head; the hash of its line. OSError."""
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            number, previous, torn = _last(file)
            fields = {
                "head": number + 1,
                "kind": kind,
                "time": moment(at),
                "writer": chain.writer,
                "sequence": chain.sequence,
                "hash": chain.digest,
                "previous": previous,
                "key": keys.name,
            }
            body = encoded(fields).encode()
            line = signed_line(body, base64.b64encode(keys.sign(body)).decode())
            data = b"\n" + line if torn else line
            if os.write(file, data) < len(data):
                raise OSError("the head was cut short")
            os.fsync(file)
            return hash_of(line)
        finally:
            os.close(file)


def _last(file: int) -> tuple[int, str, bool]:
    """Number and hash of the last whole head (0 and nothing if there is none), and whether a piece of another stands behind it."""
    size = os.fstat(file).st_size
    tail = os.pread(file, TAIL, max(0, size - TAIL))
    torn = bool(tail) and not tail.endswith(b"\n")
    for line in reversed(tail.splitlines()):
        if (head := read_head(line)) is not None:
            return int(head["head"]), hash_of(line), torn
    return 0, "", torn


def read_head(line: bytes) -> dict[str, Any] | None:
    """The members of a head; None if the line is none."""
    try:
        head = json.loads(line)
    except ValueError:
        return None
    return head if isinstance(head, dict) and isinstance(head.get("head"), int) and "signature" in head else None
