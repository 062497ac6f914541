"""Who sends a request: the ways of signing in that this site has, tried by what the request brings.

An Authorization header decides alone: one that does not verify is refused, whatever else comes along. Without it a session cookie, then a
client certificate. Must not know: HTTP beyond the texts of a credential, what a caller may see (that is `policy`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from app.access import certificates, keys
from app.access.certificates import Bearer
from app.access.keys import KeyRing
from app.access.recent import Recent
from app.access.sessions import Sessions
from app.access.tokens import Tokens
from app.buckets import Buckets
from app.credentials import MARK, session_cookie
from app.errors import TooMany, Unauthorized
from app.model import Caller, Credential

_GOOD_SECONDS = 600.0
_MOST_GOOD = 10_000


class Chain:
    """`ports.Authenticator` of a site that asks who one is. What is None is no way of signing in here; `bearers` gives, at any moment, the
    subjects of certificates that the policy names; `tenant` is whose door it is."""

    def __init__(
        self,
        *,
        tokens: Tokens | None,
        ring: KeyRing | None,
        sessions: Sessions,
        bearers: Callable[[], Mapping[str, Bearer]],
        failures: Buckets,
        now: Callable[[], float],
        tenant: str = "",
    ) -> None:
        self._tokens = tokens
        self._ring = ring
        self._sessions = sessions
        self._bearers = bearers
        self._failures = failures
        self._tenant = tenant
        self._cookie = session_cookie(tenant)
        self._good: Recent[bool] = Recent(_MOST_GOOD, now)

    async def caller(self, credential: Credential) -> Caller:
        """Unauthorized if nothing verifies; TooMany if too much from this address has not."""
        shown = credential.authorization or _session_of(credential.cookie, self._cookie) or credential.certificate
        if not shown:
            raise Unauthorized("This service answers those only whom it knows: send a token, or an API key", clause="RFC 9110 11.6.1")
        digest = hashlib.sha256(shown.encode("utf-8", "surrogateescape")).digest()
        if self._good.get(digest) is None:
            self._ensure_few_failures(credential.address)
        try:
            caller = await self._caller(credential)
        except Unauthorized:
            self._failures.drop(credential.address)
            raise
        self._good.keep(digest, True, _GOOD_SECONDS)
        return replace(caller, tenant=self._tenant)

    def _ensure_few_failures(self, address: str) -> None:
        """Whoever is known keeps getting in: one wrong client behind a hospital's proxy must not lock out the others (ASVS 5)."""
        if seconds := self._failures.seconds_until_room(address):
            raise TooMany("Too many credentials from this address did not verify; wait, and check the one that is sent", seconds=seconds)

    async def _caller(self, credential: Credential) -> Caller:
        if credential.authorization is not None:
            scheme, _, value = credential.authorization.partition(" ")
            return await self._authorized(scheme.lower(), value.strip(), credential.address)
        session = _session_of(credential.cookie, self._cookie)
        if session:
            return await self._sessions.caller(session, credential.address)
        return certificates.caller_of(credential.certificate, self._bearers(), credential.address)

    async def _authorized(self, scheme: str, value: str, address: str) -> Caller:
        if scheme == "basic":
            value = _password(value)
        elif scheme != "bearer" or not value:
            raise Unauthorized("The Authorization header has to be Bearer and a token, or an API key", clause="RFC 6750 2.1", invalid=True)
        if value.startswith(MARK) and self._ring is not None:
            return await self._ring.caller(value, address)
        if scheme == "basic":
            raise Unauthorized(
                "With HTTP Basic the password has to be an API key; the user name is not looked at", clause="RFC 7617", invalid=True
            )
        if self._tokens is None:
            raise Unauthorized(keys.WRONG, invalid=True)
        return await self._tokens.caller(value, address)


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (ValueError, binascii.Error):
        raise Unauthorized("The Authorization header is not what HTTP Basic asks for", clause="RFC 7617 2", invalid=True) from None


def _session_of(cookies: str, name: str) -> str:
    if name not in cookies:
        return ""
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
