"""Asking the issuer what a token means (RFC 7662): for tokens that are not JWTs, or for all, so that one that was revoked ends at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from app.credentials import IssuerFacts
from app.errors import Unauthorized, Unavailable

SECONDS = 5.0
LONGEST = 256 * 1024


class Introspection:
    """`always`: JWTs are asked about as well; `client_id` and `secret` are ours at the issuer."""

    def __init__(self, client: httpx.AsyncClient, client_id: str, secret: str, *, always: bool) -> None:
        self._client = client
        self._credentials = httpx.BasicAuth(client_id, secret)
        self.always = always

    async def claims(self, token: str, facts: IssuerFacts) -> Mapping[str, Any]:
        """What the issuer says of the token. Unauthorized if it is not active; Unavailable if nobody answers."""
        if not facts.introspection_endpoint:
            raise Unavailable("The issuer of tokens does not say where it can be asked about them", clause="RFC 7662 2")
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            answer = await self._client.post(
                facts.introspection_endpoint, data=form, auth=self._credentials, headers={"Accept": "application/json"}, timeout=SECONDS
            )
            said = answer.json() if answer.status_code == 200 and len(answer.content) <= LONGEST else None
        except (httpx.HTTPError, ValueError):
            said = None
        if not isinstance(said, dict):
            raise Unavailable(
                "The issuer of tokens does not answer what one of them means; see to it, or to access.client_id and .client_secret"
            )
        if said.get("active") is not True:
            raise Unauthorized("The token is not, or no longer, active at its issuer", clause="RFC 7662 2.2", invalid=True)
        return said
