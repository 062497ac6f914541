"""Bearer tokens: JWTs of the configured issuer (RFC 9068, RFC 8725), or any that it vouches for when asked (`introspection`).

What has verified is believed for half a minute, and never longer than it says itself. Must not know: HTTP beyond the token's text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from app.access.claims import Naming, caller_of, tenants_of
from app.access.introspection import Introspection
from app.access.issuer import Issuer
from app.access.recent import Recent
from app.errors import Unauthorized
from app.model import Caller

TYPES = frozenset({"jwt", "at+jwt"})
LONGEST = 16 * 1024
LEEWAY = 30.0
"""Seconds by which clocks may differ (RFC 8725 allows for "no more than a few minutes")."""

KNOWN_SECONDS = 30.0
_MOST = 10_000
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ELSEWHERE = frozenset({"jku", "jwk", "x5u", "x5c"})
"""Headers by which a token would bring its own key: whoever signs with them hopes that they are believed."""

_INVALID = "The token does not verify"


@dataclass(frozen=True, slots=True)
class Demands:
    """What a token has to say: for whom it is meant (any of `audiences`), by which algorithm it is signed, and the `tenant`: "" is none of
    them, None that there are no tenants."""

    audiences: frozenset[str]
    algorithms: frozenset[str]
    naming: Naming = field(default_factory=Naming)
    tenant: str | None = None


class Tokens:
    """From the text of a token to its caller. `now` gives seconds since 1970."""

    def __init__(self, issuer: Issuer, demands: Demands, now: Callable[[], float], introspection: Introspection | None = None) -> None:
        self._issuer = issuer
        self._demands = demands
        self._now = now
        self._introspection = introspection
        self._known: Recent[Caller] = Recent(_MOST, now)

    async def caller(self, text: str, address: str) -> Caller:
        """Unauthorized, saying which demand is not met; Unavailable if the issuer does not answer."""
        if len(text) > LONGEST:
            raise Unauthorized("The token is longer than any that is taken", invalid=True)
        digest = hashlib.sha256(text.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            claims = await self.claims(text)
            self._ensure_tenant(claims)
            known = caller_of(claims, self._demands.naming, "")
            self._known.keep(digest, known, min(KNOWN_SECONDS, (known.expires or 0) - self._now()))
        if known.expires is not None and known.expires + LEEWAY <= self._now():
            raise _refusal("its time is over (exp)")
        return replace(known, address=address)

    def _ensure_tenant(self, claims: Mapping[str, Any]) -> None:
        wanted = self._demands.tenant
        if wanted is None:
            return
        own = tenants_of(claims, self._demands.naming)
        if wanted not in own if wanted else bool(own):
            raise _refusal("it is for another tenant (setting tenants.claim)")

    @property
    def issuer(self) -> str:
        return self._issuer.url

    async def claims(self, text: str) -> Mapping[str, Any]:
        """All that a token says, once it has verified."""
        is_jwt = _JWT.fullmatch(text) is not None
        if self._introspection is not None and (self._introspection.always or not is_jwt):
            claims = await self._introspection.claims(text, await self._issuer.facts())
            _check(claims, self._demands.audiences, self._issuer.url, self._now(), told=True)
            return claims
        if not is_jwt:
            raise Unauthorized("The credential is neither a JSON Web Token nor an API key", clause="RFC 9068", invalid=True)
        header = _header(text)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._demands.algorithms:
            raise _refusal("its algorithm is not one of those that are taken (setting access.algorithms)")
        if _ELSEWHERE & header.keys():
            raise _refusal("it brings a key of its own")
        if str(header.get("typ", "JWT")).lower().removeprefix("application/") not in TYPES:
            raise _refusal("it is a token of another type (typ)")
        if kid is not None and not isinstance(kid, str):
            raise _refusal("its kid is no text")
        key = await self._issuer.key(kid, algorithm)
        registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # RFC 9864 prefers the name Ed25519 to EdDSA, which issuers still write
                claims = jwt.decode(text, key, registry=registry).claims
        except (JoseError, ValueError, TypeError):
            raise _refusal("its signature is wrong") from None
        _check(claims, self._demands.audiences, self._issuer.url, self._now())
        return claims


def _header(text: str) -> dict[str, Any]:
    part = text.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise _refusal("it has no header")
    return header


def _check(claims: Mapping[str, Any], audiences: frozenset[str], issuer: str, now: float, *, told: bool = False) -> None:
    """RFC 9068 4. An answer to an introspection (`told`) may leave out who it is from, for whom, and until when (RFC 7662 2.2)."""
    if claims.get("iss", issuer if told else None) != issuer:
        raise _refusal("it is of another issuer (iss)")
    audience = claims.get("aud", list(audiences)[:1] if told else None)
    meant = {audience} if isinstance(audience, str) else set(filter(lambda item: isinstance(item, str), audience or ()))
    if not meant & audiences:
        raise _refusal("it is meant for another service (aud; setting access.audience)")
    expires = claims.get("exp", now + KNOWN_SECONDS if told else None)
    if not _is_time(expires) or expires + LEEWAY <= now:
        raise _refusal("its time is over, or it has no end (exp)")
    for name in ("nbf", "iat"):
        begins = claims.get(name, 0)
        if not _is_time(begins) or begins - LEEWAY > now:
            raise _refusal(f"its time has not come yet ({name})")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _refusal(why: str) -> Unauthorized:
    return Unauthorized(f"{_INVALID}: {why}", clause="RFC 9068 4", invalid=True)
