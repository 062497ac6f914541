"""Sessions for browsers, whose `<img>` and `<video>` can send no header: a signed value that says who has signed in, and until when.

The value is sealed, and nothing is kept. It ends no later than the credential that was
shown, and at once (`keys.KNOWN_SECONDS`) when that was an API key which is revoked. Must not know: cookies, HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from app.access.seal import Seal
from app.credentials import Session
from app.errors import BadRequest, Unauthorized
from app.model import Caller

LONGEST = 3600
"""Characters of a value: browsers keep cookies of 4096 with all that belongs to them."""

ENDED = "The session has ended, or is none of this service; sign in again"


class Sessions:
    """`credentials.SessionMaker`, and the way back. `ensure_key` raises Unauthorized for the prefix of a key that is not valid any more."""

    def __init__(
        self,
        secret: bytes,
        seconds: float,
        now: Callable[[], float],
        ensure_key: Callable[[str], Awaitable[None]] | None = None,
        tenant: str = "",
    ) -> None:
        self._seal = Seal(secret, f"session {tenant}")
        self._seconds = seconds
        self._now = now
        self._ensure_key = ensure_key

    def begin(self, caller: Caller) -> Session:
        """BadRequest if there is more to say of the caller than a cookie holds."""
        expires = min(self._now() + self._seconds, caller.expires or float("inf"))
        value = self._seal.close(_fields(caller) | {"expires": expires})
        if len(value) > LONGEST:
            raise BadRequest(
                "The credential has too many scopes and roles for a session cookie; ask its issuer for fewer", clause="RFC 6265 6.1"
            )
        return Session(value, expires)

    async def caller(self, value: str, address: str) -> Caller:
        """Unauthorized if the value was not made here, or its time is over."""
        fields = self._seal.open(value)
        if fields is None or fields["expires"] <= self._now():
            raise Unauthorized(ENDED, invalid=True)
        if fields["key"] and self._ensure_key is not None:
            await self._ensure_key(fields["key"])
        return _caller(fields, address)


_TEXTS = ("subject", "kind", "issuer", "tenant", "organisation", "key")
_SETS = ("scopes", "roles", "purposes")


def _fields(caller: Caller) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(caller, name) for name in _TEXTS}
    fields |= {name: sorted(getattr(caller, name)) for name in _SETS}
    return fields | {"patient": caller.patient}


def _caller(fields: dict[str, Any], address: str) -> Caller:
    told: dict[str, Any] = {name: fields[name] for name in _TEXTS} | {name: frozenset(fields[name]) for name in _SETS}
    patient = fields["patient"]
    return Caller(**told, address=address, patient=(patient[0], patient[1]) if patient else None, expires=fields["expires"])
