"""The one issuer that is believed: its addresses by discovery (OpenID Connect Discovery 4, RFC 8414), its keys by its JWKS (RFC 7517).

Nothing that a token says leads anywhere: only the configured issuer is ever asked, over https (or on this machine), without redirects,
within bounds of size and time. Keys are kept; one that is not known is looked for again, every 30 s at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from app.credentials import IssuerFacts
from app.dicomweb.hosts import is_confidential
from app.errors import Unauthorized, Unavailable

REFRESH_SECONDS = 3600.0
RETRY_SECONDS = 30.0
LONGEST = 1024 * 1024
SECONDS = 5.0
MOST_KEYS = 100
_TYPES: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
LEAST_RSA_BITS = 2048

log = logging.getLogger("radiolucent")


class Issuer:
    """`credentials.Issuers`, and the keys. `now` gives seconds, of any clock."""

    def __init__(self, url: str, client: httpx.AsyncClient, now: Callable[[], float]) -> None:
        self.url = url
        self._client = client
        self._now = now
        self._facts: IssuerFacts | None = None
        self._jwks_uri = ""
        self._keys: list[Key] = []
        self._asked = float("-inf")
        self._read = float("-inf")
        self._turn = asyncio.Lock()

    async def facts(self) -> IssuerFacts:
        if self._facts is None:
            try:
                await self._refresh()
            except Unavailable:
                return IssuerFacts(self.url)
        return self._facts or IssuerFacts(self.url)

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """The key of this id that fits the algorithm; without an id, the only one that fits. Unauthorized if there is none, Unavailable if
        the issuer has never answered."""
        if self._now() - self._read > REFRESH_SECONDS:
            await self._refresh_if_it_goes()
        found = self._fitting(kid, algorithm)
        if not found:
            await self._refresh_if_it_goes()
            found = self._fitting(kid, algorithm)
        if len(found) != 1:
            raise Unauthorized("The token is signed with a key that its issuer does not publish", clause="RFC 7517 4.5", invalid=True)
        return found[0]

    def _fitting(self, kid: str | None, algorithm: str) -> list[Key]:
        return [key for key in self._keys if (kid is None or key.kid == kid) and _fits(key, algorithm)]

    async def _refresh_if_it_goes(self) -> None:
        try:
            await self._refresh()
        except Unavailable:
            if not self._keys:
                raise
            log.warning("The issuer of tokens does not answer; its keys as known before are used")

    async def _refresh(self) -> None:
        """Ask for addresses and keys, unless that was done a moment ago."""
        async with self._turn:
            if self._now() - self._asked < RETRY_SECONDS:
                if not self._keys:
                    raise Unavailable("The issuer of tokens did not answer just now; try again in half a minute")
                return
            self._asked = self._now()
            if self._facts is None:
                await self._discover()
            document = await self._get(self._jwks_uri)
            listed = document.get("keys") if document else None
            if not isinstance(listed, list):
                raise Unavailable("The issuer of tokens does not answer with its keys; see to it, or to the setting access.issuer")
            self._keys = [key for item in listed[:MOST_KEYS] if (key := _imported(item)) is not None]
            self._read = self._now()

    async def _discover(self) -> None:
        for address in _well_known(self.url):
            document = await self._get(address)
            if document and document.get("issuer") == self.url and is_confidential(str(document.get("jwks_uri"))):
                self._jwks_uri = str(document["jwks_uri"])
                names = ("authorization_endpoint", "token_endpoint", "introspection_endpoint")
                self._facts = IssuerFacts(self.url, *(_endpoint(document.get(name)) for name in names))
                return
        sentence = "The issuer of tokens does not say where its keys are, or calls itself otherwise than the setting access.issuer does"
        raise Unavailable(sentence, clause="OpenID Connect Discovery 4.3")

    async def _get(self, address: str) -> dict[str, Any] | None:
        """A JSON object, or None."""
        try:
            async with self._client.stream("GET", address, headers={"Accept": "application/json"}, timeout=SECONDS) as response:
                if response.status_code != 200:
                    return None
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > LONGEST:
                        return None
            found = httpx.Response(200, content=body).json()
        except (httpx.HTTPError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _endpoint(value: object) -> str:
    return value if isinstance(value, str) and is_confidential(value) else ""


def _well_known(issuer: str) -> tuple[str, str]:
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    root = f"{parts.scheme}://{parts.netloc}"
    return f"{root}{path}/.well-known/openid-configuration", f"{root}/.well-known/oauth-authorization-server{path}"


def _imported(item: object) -> Key | None:
    """A public key for signatures; None for one that we cannot or should not use."""
    if not isinstance(item, Mapping) or item.get("use", "sig") != "sig" or "d" in item or item.get("kty") == "oct":
        return None
    try:
        key = import_key(dict(item))
        return None if isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_RSA_BITS else key
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _fits(key: Key, algorithm: str) -> bool:
    """Of the type, and of the curve, that the algorithm takes, and not meant for another one (RFC 8725 3.1)."""
    members = key.as_dict(private=False)
    if not isinstance(key, _TYPES[algorithm[:2]]) or members.get("alg", algorithm) not in (algorithm, *_same(algorithm)):
        return False
    return isinstance(key, RSAKey) or members.get("crv") == _CURVES[algorithm]


def _same(algorithm: str) -> tuple[str, ...]:
    """EdDSA and Ed25519 are two names of one (RFC 9864)."""
    return ("EdDSA", "Ed25519") if algorithm in ("EdDSA", "Ed25519") else ()
