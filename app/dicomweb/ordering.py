"""The order of answers that a search asks for, and the cursor by which it goes on (extensions: not in PS3.18).

A cursor holds where the last answer stood in the order, bound to its query by a checksum. That is no secret: a forged cursor only begins
somewhere else in what its sender may see anyway. Must not know: SQL, HTTP, access.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.dicom.attributes import DEPTH, Key
from app.errors import InvalidQuery
from app.model import Level, Mark

_CLAUSE = "extension"
_KEYS = 8
_DIGEST = 12
_CHARACTERS = 16 * 1024
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WRONG = "The cursor is damaged, or belongs to another search: take it from the Link header of this one"


@dataclass(frozen=True, slots=True)
class Order:
    """By one key: resources without a value come last either way, a multi-valued one goes by its least value."""

    key: Key
    descending: bool = False


def read(text: str, level: Level, find: Callable[[str], Key | None]) -> tuple[Order, ...]:
    """The order that `orderby=StudyDate,-PatientName` asks for; `find` gives the key of a name. InvalidQuery."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(names) > _KEYS:
        raise InvalidQuery(f"orderby has to name 1 to {_KEYS} attributes", clause=_CLAUSE)
    found = tuple(_one(name, level, find) for name in names)
    if len({order.key.path for order in found}) < len(found):
        raise InvalidQuery("orderby names an attribute twice", clause=_CLAUSE)
    return found


def _one(name: str, level: Level, find: Callable[[str], Key | None]) -> Order:
    key = find(name.removeprefix("-"))
    if key is None or len(key.path) > 1:
        raise InvalidQuery("orderby names an attribute by which this archive cannot order", clause=_CLAUSE)
    if DEPTH[key.level] > DEPTH[level]:
        raise InvalidQuery(f"orderby names {key.keyword}, of which a {level.value} may have several", clause=_CLAUSE)
    return Order(key, name.startswith("-"))


def seal(search: str, marks: Sequence[Mark]) -> str:
    """The cursor for going on after `marks`; `search` says what was searched for, as text."""
    body = json.dumps(marks, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(search, body) + body).rstrip(b"=").decode()


def unseal(search: str, cursor: str) -> tuple[Mark, ...]:
    """The marks of a cursor that `seal` made for the same search. InvalidQuery for anything else."""
    try:
        raw = base64.b64decode(cursor[:_CHARACTERS] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = raw[:_DIGEST], raw[_DIGEST:]
        if len(cursor) > _CHARACTERS or digest != _digest(search, body):
            raise InvalidQuery(_WRONG, clause=_CLAUSE)
        marks = json.loads(body)
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        raise InvalidQuery(_WRONG, clause=_CLAUSE) from None
    if not isinstance(marks, list) or not marks or not all(_is_mark(mark) for mark in marks):
        raise InvalidQuery(_WRONG, clause=_CLAUSE)
    return tuple(marks)


def _is_mark(mark: object) -> bool:
    if isinstance(mark, str):
        return not _UNSTORABLE.search(mark)
    if isinstance(mark, int):
        return not isinstance(mark, bool) and -(2**63) <= mark < 2**63
    return mark is None or (isinstance(mark, float) and math.isfinite(mark))


def _digest(search: str, body: bytes) -> bytes:
    return hashlib.sha256(search.encode("utf-8", "surrogatepass") + b"\0" + body).digest()[:_DIGEST]
