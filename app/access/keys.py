"""API keys: 256 random bits, shown once, of which the archive keeps the SHA-256 alone. (Slow hashes are for what people think up.)

Must not know: HTTP, where keys are kept.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable

from app.access.recent import Recent
from app.credentials import MARK, ApiKey, ApiKeys, digest
from app.errors import Unauthorized, Unavailable
from app.model import Caller

KIND = "key"
KNOWN_SECONDS = 2.0
"""How long a key is believed without looking again: a revoked one is refused everywhere after so long."""

USE_SECONDS = 60.0
"""How exactly it is known when a key was last used."""

WRONG = "The API key is not known, has ended, or was revoked"
_MOST = 1000


class KeyRing:
    """From the text of a key to its caller. `now` gives seconds since 1970."""

    def __init__(self, keys: ApiKeys, now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now
        self._known: Recent[ApiKey] = Recent(_MOST, now)
        self._noted: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def caller(self, text: str, address: str) -> Caller:
        """Unauthorized if there is no such key, or no more; in the same words whatever was wrong."""
        prefix = text.removeprefix(MARK).partition("_")[0]
        key = await self._find(prefix)
        if not hmac.compare_digest(digest(text), key.digest if key else digest("")) or key is None:
            raise Unauthorized(WRONG, invalid=True)
        self._note_use(key)
        return Caller(key.subject, KIND, address, scopes=key.scopes, roles=key.roles, expires=key.expires, key=prefix)

    async def ensure_valid(self, prefix: str) -> None:
        """Unauthorized if the key of this prefix is not valid any more: what rests on it ends with it."""
        if await self._find(prefix) is None:
            raise Unauthorized(WRONG, invalid=True)

    async def _find(self, prefix: str) -> ApiKey | None:
        """The key of this prefix, if it is valid now."""
        key = self._known.get(prefix) or await self._keys.find(prefix)
        if key is None:
            return None
        self._known.keep(prefix, key, KNOWN_SECONDS)
        valid = key.revoked is None and (key.expires is None or key.expires > self._now())
        return key if valid else None

    def _note_use(self, key: ApiKey) -> None:
        now = self._now()
        if now - max(key.used or 0.0, self._noted.get(key.prefix, 0.0)) < USE_SECONDS:
            return
        self._noted[key.prefix] = now
        self._noted.move_to_end(key.prefix)
        if len(self._noted) > _MOST:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write_use(key.prefix, now))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_use(self, prefix: str, now: float) -> None:
        try:
            await self._keys.note_use(prefix, now)
        except Unavailable:
            self._noted.pop(prefix, None)  # another time: nobody waits for this
