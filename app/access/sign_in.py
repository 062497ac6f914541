"""Signing in with a browser: OpenID Connect's authorisation code flow with PKCE (OpenID Connect Core 3.1, RFC 7636, RFC 9700).

What has to outlive the way to the issuer and back, the code verifier, state and nonce, lies in a sealed cookie of ten minutes. The id
token says who it is; what he may is read from the access token if that is one for this service, else from the id token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx

from app.access.seal import Seal
from app.access.tokens import Tokens
from app.credentials import IssuerFacts, Journey
from app.errors import BadRequest, Unauthorized, Unavailable
from app.model import Caller

SECONDS = 600.0
ANSWER_SECONDS = 10.0
LONGEST = 1024 * 1024
_CLAUSE = "OpenID Connect Core 3.1.2"


class CodeFlow:
    """`credentials.SignIn`. `identities` reads id tokens, which are meant for the client; `tokens` those that are for this service."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        client_id: str,
        client_secret: str,
        scopes: tuple[str, ...],
        *,
        facts: Callable[[], Any],
        identities: Tokens,
        tokens: Tokens,
        secret: bytes,
        now: Callable[[], float],
        tenant: str = "",
    ) -> None:
        self._client = client
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._facts = facts
        self._identities = identities
        self._tokens = tokens
        self._seal = Seal(secret, f"sign-in {tenant}")
        self._now = now

    async def begin(self, redirect_uri: str, place: str) -> Journey:
        """Where to send the browser, and what to give it on its way. Unavailable if the issuer does not say where."""
        facts: IssuerFacts = await self._facts()
        if not facts.authorization_endpoint or not facts.token_endpoint:
            raise Unavailable("The issuer does not answer, or knows no sign-in with a browser", clause="OpenID Connect Discovery 3")
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self._scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in facts.authorization_endpoint else "?"
        kept = {"verifier": verifier, "state": state, "nonce": nonce, "place": place, "until": self._now() + SECONDS}
        return Journey(f"{facts.authorization_endpoint}{separator}{urlencode(asked)}", self._seal.close(kept), int(SECONDS))

    async def finish(self, kept: str, answer: Mapping[str, str], redirect_uri: str, address: str) -> tuple[Caller, str]:
        """Who has come back, and to which place. BadRequest if this browser had not set out, Unauthorized if the issuer refuses."""
        journey = self._seal.open(kept)
        if (
            journey is None
            or journey["until"] <= self._now()
            or not hmac.compare_digest(journey["state"].encode(), answer.get("state", "").encode())
        ):
            raise BadRequest("This sign-in was not begun by this browser, or took too long; begin it anew", clause=_CLAUSE)
        if "error" in answer or not answer.get("code"):
            raise Unauthorized("The issuer did not sign you in; ask it, or its administrator, why", clause=_CLAUSE, invalid=True)
        if answer.get("iss", self._issuer) != self._issuer:
            raise BadRequest("The answer is of another issuer", clause="RFC 9207 2.4")
        given = await self._exchange(answer["code"], redirect_uri, journey["verifier"])
        return await self._caller(given, journey["nonce"], address), str(journey["place"])

    @property
    def _issuer(self) -> str:
        return self._tokens.issuer

    async def _exchange(self, code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any]:
        facts: IssuerFacts = await self._facts()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        credentials = httpx.BasicAuth(self._client_id, self._client_secret) if self._client_secret else httpx.Auth()
        if not self._client_secret:
            form["client_id"] = self._client_id
        try:
            answer = await self._client.post(
                facts.token_endpoint, data=form, auth=credentials, headers={"Accept": "application/json"}, timeout=ANSWER_SECONDS
            )
            given = answer.json() if len(answer.content) <= LONGEST else None
        except (httpx.HTTPError, ValueError):
            raise Unavailable("The issuer does not answer; sign in again in a while") from None
        if answer.status_code != 200 or not isinstance(given, dict) or not isinstance(given.get("id_token"), str):
            raise Unauthorized("The issuer did not sign you in; begin anew", clause="OpenID Connect Core 3.1.3.4", invalid=True)
        return given

    async def _caller(self, given: Mapping[str, Any], nonce: str, address: str) -> Caller:
        claims = await self._identities.claims(given["id_token"])
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Unauthorized("The id token belongs to another sign-in", clause="OpenID Connect Core 3.1.3.7", invalid=True)
        identity = await self._identities.caller(given["id_token"], address)
        granted = frozenset(str(given.get("scope", "")).split())
        found = await self._access(given.get("access_token"), identity, address)
        if found.subject != identity.subject:
            raise Unauthorized(
                "The access token is about somebody else than the id token", clause="OpenID Connect Core 5.3.2", invalid=True
            )
        # An id token ends soon, for it is read once: how long the session lasts is ours to say, unless the access token says less.
        return replace(found, scopes=found.scopes | granted, expires=None if found is identity else found.expires)

    async def _access(self, token: object, identity: Caller, address: str) -> Caller:
        if not isinstance(token, str):
            return identity
        try:
            return await self._tokens.caller(token, address)
        except Unauthorized:
            return identity  # one for another service, such as the issuer's own
