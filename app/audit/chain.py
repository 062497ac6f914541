"""The hash chain of one writer, and the line that a record becomes. Pure: dictionaries in, bytes out.

Each process that writes to the trail is a writer with a chain of its own (ADR 0016). A line is JSON of which the last member is the
SHA-256 of all bytes before it:

    {"time":...,"outcome":"success",...,"writer":"9f86d081884c7d65","sequence":7,"previous":"<hash of 6>","hash":"<SHA-256>"}

The bytes themselves are canonical: what is hashed is what stands in the file, so that nobody has to write JSON anew to check it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_SEALED = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}\r?\n?', re.DOTALL)
_SIGNED = re.compile(rb'(\{.*),"signature":"([A-Za-z0-9+/=]+)"\}\r?\n?', re.DOTALL)

_ENCODER = json.JSONEncoder(default=str, separators=(",", ":"))


@dataclass(slots=True)
class Chain:
    """Where a writer stands: `sequence` and `digest` (hex) of its last record; of none yet, 0 and the hash of its signed beginning."""

    writer: str
    sequence: int
    digest: str

    def next(self, record: str) -> tuple[bytes, str]:
        """The line of the next record, with its end, and its hash; `record` is one JSON object in ASCII. `advance` once it is written."""
        chained = f'{record[:-1]},"writer":"{self.writer}","sequence":{self.sequence + 1},"previous":"{self.digest}"}}'
        digest = hashlib.sha256(chained.encode("ascii")).hexdigest()
        return f'{chained[:-1]},"hash":"{digest}"}}\n'.encode("ascii"), digest

    def advance(self, digest: str) -> None:
        self.sequence += 1
        self.digest = digest


def encoded(value: Any) -> str:
    """JSON in ASCII without spaces: control characters are escaped, so nothing in a record can begin another line."""
    return _ENCODER.encode(value)


def is_whole(line: bytes) -> bool | None:
    """Whether the line hashes to what it says; None if it says nothing."""
    found = _SEALED.fullmatch(line)
    return None if found is None else hashlib.sha256(found[1] + b"}").hexdigest().encode() == found[2]


def signed_line(body: bytes, signature: str) -> bytes:
    return b'%b,"signature":"%b"}\n' % (body[:-1], signature.encode())


def signed_parts(line: bytes) -> tuple[bytes, bytes] | None:
    """What was signed, and the signature in base64."""
    found = _SIGNED.fullmatch(line)
    return None if found is None else (found[1] + b"}", found[2])


def hash_of(line: bytes) -> str:
    """Of a line without its end."""
    return hashlib.sha256(line.rstrip(b"\r\n")).hexdigest()
