"""Callers by client certificate (RFC 8705 2.1; ATNA): TLS has verified it, the policy file says which subjects are whom.

Must not know: TLS, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import Unauthorized
from app.model import Caller

KIND = "certificate"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who sends a certificate: what he is called, and what he may."""

    name: str
    scopes: frozenset[str]
    roles: frozenset[str]


def caller_of(subject: str, known: Mapping[str, Bearer], address: str) -> Caller:
    """The caller for a subject in the words of RFC 4514. Unauthorized if the policy names nobody of that subject."""
    bearer = known.get(subject)
    if bearer is None:
        raise Unauthorized("The client certificate is valid, but the policy file names nobody of its subject", invalid=True)
    return Caller(bearer.name, KIND, address, scopes=bearer.scopes, roles=bearer.roles)
