"""What there is to know of credentials, and what that takes of the world: the words beside `model`, and the Protocols beside `ports`.

`ApiKeys` keeps keys, `SessionMaker` turns a caller into a cookie's value. Must not know: HTTP, SQL, who fulfils it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.model import Caller

SESSION_COOKIE = "radiolucent_session"
JOURNEY_COOKIE = "radiolucent_sign_in"


def session_cookie(tenant: str) -> str:
    """The name of the cookie: browsers send that of one tenant to another as well, which then has to be told apart."""
    return f"{SESSION_COOKIE}_{tenant}" if tenant else SESSION_COOKIE


SCOPES = (
    "user/ImagingStudy.s",
    "user/ImagingStudy.r",
    "user/ImagingStudy.rs",
    "user/ImagingStudy.c",
    "user/ImagingStudy.cruds",
    "system/ImagingStudy.rs",
    "system/ImagingStudy.cruds",
    "patient/ImagingStudy.rs",
    "admin",
    "audit.read",
)
"""Examples of scopes that mean something here, as clients are told of them (RFC 9728 `scopes_supported`)."""


MARK = "rlk_"
"""What each key begins with: `rlk_4f1c09ab7d_mM0y...` is mark, prefix by which it is found and called, and 256 random bits."""

_SCOPE = re.compile(r"(?:system|user|patient)/(?:ImagingStudy|\*)\.(?:(?=.)c?r?u?d?s?|read|write|\*)")


def is_scope(text: str) -> bool:
    """Whether a scope can allow anything here (SMART App Launch 2.2, and two of our own)."""
    return text in ("admin", "audit.read") or _SCOPE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: `digest` is the SHA-256 (hex) of the whole, `prefix` the part by which it is found and called.

    Times are seconds since 1970; `expires` None: never; `used` and `revoked` None: not yet.
    """

    prefix: str
    digest: str
    subject: str
    scopes: frozenset[str]
    roles: frozenset[str]
    created: float
    expires: float | None = None
    used: float | None = None
    revoked: float | None = None


def new_key(subject: str, scopes: frozenset[str], roles: frozenset[str], now: float, expires: float | None = None) -> tuple[str, ApiKey]:
    """A key's text, to be shown once, and what is kept of it."""
    prefix = secrets.token_hex(5)
    text = f"{MARK}{prefix}_{secrets.token_urlsafe(32)}"
    return text, ApiKey(prefix, digest(text), subject, scopes, roles, now, expires)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class ApiKeys(Protocol):
    """The API keys of the site. All may raise Unavailable."""

    async def all(self) -> Sequence[ApiKey]:
        """In the order in which they were made."""

    async def find(self, prefix: str) -> ApiKey | None: ...

    async def add(self, key: ApiKey) -> bool:
        """False if the prefix is taken."""

    async def revoke(self, prefix: str, at: float) -> bool:
        """False if there is no such key, or it was revoked before."""

    async def note_use(self, prefix: str, at: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """A cookie's value, and when it ends (seconds since 1970)."""

    value: str
    expires: float


class SessionMaker(Protocol):
    def begin(self, caller: Caller) -> Session:
        """A session for a caller who has shown a credential just now; it ends no later than that."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A browser's way to the issuer: the address to go to, and what it has to bring back, within so many seconds."""

    address: str
    kept: str
    seconds: int


class SignIn(Protocol):
    """Signing in at the issuer with a browser."""

    async def begin(self, redirect_uri: str, place: str) -> Journey:
        """Unavailable if the issuer does not answer. `place` is a path of this server to come back to."""

    async def finish(self, kept: str, answer: Mapping[str, str], redirect_uri: str, address: str) -> tuple[Caller, str]:
        """Who has come back with this answer, and the place. BadRequest, Unauthorized, Unavailable."""


ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""All that can be allowed: signatures with a key of which the issuer alone has the secret half."""


@dataclass(frozen=True, slots=True)
class IssuerFacts:
    """What clients are told of who vouches for users: the issuer, and its addresses where they are known."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    introspection_endpoint: str = ""


class Issuers(Protocol):
    async def facts(self) -> IssuerFacts:
        """Of the configured issuer, by discovery. Addresses are empty while it does not answer."""


@dataclass(frozen=True, slots=True)
class Doorplate:
    """How one can sign in here, as far as it is said to anybody."""

    asks: bool = False
    tokens: bool = False
    keys: bool = False
    certificates: bool = False
