"""The tree of keys under which blobs lie. Keys carry nothing of what is stored: no UID, no name, no digest.

    instances/
      019ac/                     20 bits of the time of receipt: a new folder every 3 days
        5b3/                     12 bits more: a new folder every 66 seconds, at most 4096 in one
          019ac5b3d0e7-0123456789abcdef        the instance, byte for byte as it came
          019ac5b3d0e7-0123456789abcdef.web    its sibling: rewritten for the web, if it had to be

    deletions/
      019ac/5b3/019ac5b3d0e7-0123456789abcdef      keys of blobs that were deleted or replaced, a line each: no instances any more

The last part is the whole time of receipt (48 bits, milliseconds since 1970) and 64 random bits. All parts have a fixed width, so
ascending keys are instances in the order of receipt: `reindex` replays them as listed. The clock is only as good as the machine's:
nothing but the replay may rely on this order. A folder holds what came within 66 seconds.

Must not know: what is in a blob, where blobs lie.
"""

from __future__ import annotations

import re
import secrets

from app.model import DELETIONS, INSTANCES

ROOT = INSTANCES
ROOTS = (DELETIONS, INSTANCES)
WEB_SUFFIX = ".web"

_PLACE = r"/([0-9a-f]{5})/([0-9a-f]{3})/(?P<time>\1\2[0-9a-f]{4})-[0-9a-f]{16}"
_KEY = re.compile(rf"instances{_PLACE}(?:\.web)?", re.ASCII)
_DELETION = re.compile(rf"deletions{_PLACE}", re.ASCII)
_FOLDER = re.compile(r"(?:instances|deletions)/(?:[0-9a-f]{5}/(?:[0-9a-f]{3}/)?)?", re.ASCII)
_LATEST = (1 << 48) - 1


def new_key(now: float, random: bytes | None = None) -> str:
    """A fresh key for what is received at `now` (seconds since 1970); `random` replaces the 8 random bytes, for tests."""
    return _fresh(INSTANCES, now, random)


def deletion_key(now: float, random: bytes | None = None) -> str:
    """A fresh key for the record of a deletion."""
    return _fresh(DELETIONS, now, random)


def _fresh(root: str, now: float, random: bytes | None) -> str:
    moment = f"{min(max(int(now * 1000), 0), _LATEST):012x}"
    nonce = secrets.token_bytes(8) if random is None else random
    if len(nonce) != 8:
        raise ValueError("a key needs 8 random bytes")
    return f"{root}{moment[:5]}/{moment[5:8]}/{moment}-{nonce.hex()}"


def web_key(key: str) -> str:
    """The key of the sibling that holds the instance under `key` rewritten for the web; ValueError if `key` is such a one itself."""
    if _KEY.fullmatch(key) is None or key.endswith(WEB_SUFFIX):
        raise ValueError("there is a web key of the key of an instance only")
    return key + WEB_SUFFIX


def received(key: str) -> float:
    """The time of receipt in seconds since 1970, to the millisecond; ValueError if this is no key."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError("not a blob key")
    return int(match["time"], 16) / 1000


def is_key(text: str) -> bool:
    """Whether this text is a key of this tree; nothing else is ever used to make a path."""
    return _KEY.fullmatch(text) is not None or _DELETION.fullmatch(text) is not None


def folder_of(prefix: str) -> str:
    """The innermost folder, with its slash, that holds every key which begins with `prefix`; the root if there is no narrower one."""
    match = _FOLDER.match(prefix)
    return ROOT if match is None else match[0]


def folders_of(prefix: str) -> list[str]:
    """The folders, ascending, that hold every key which begins with `prefix`."""
    match = _FOLDER.match(prefix)
    return [root for root in ROOTS if root.startswith(prefix)] if match is None else [match[0]]


def checked(key: str) -> str:
    """The key itself; ValueError if it is none. Every store asks here before it touches anything."""
    if not is_key(key):
        raise ValueError("not a blob key")
    return key
