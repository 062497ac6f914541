"""From the claims of a token that has verified to the Caller (RFC 9068, SMART App Launch 2.2, IHE IUA). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import Unauthorized
from app.model import Caller

KIND = "token"
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Naming:
    """How the issuer calls things: paths into the claims, with dots. `patient_issuer` stands for the issuer of a patient id without one."""

    roles: str = "roles"
    tenant: str = "tenant"
    patient: str = "patient"
    patient_issuer: str = ""


def tenants_of(claims: Mapping[str, Any], naming: Naming) -> frozenset[str]:
    """The tenants to which the one that a token is about belongs."""
    return _words(_at(claims, naming.tenant))


def caller_of(claims: Mapping[str, Any], naming: Naming, address: str) -> Caller:
    """Unauthorized if the claims do not say whom they are about."""
    subject = claims.get("sub") or claims.get("client_id")
    if not isinstance(subject, str) or not subject or len(subject) > _LONGEST:
        raise Unauthorized("The token does not say whom it is about (sub)", clause="RFC 9068 2.2", invalid=True)
    extension = _at(claims, "extensions.ihe_iua")
    iua: Mapping[str, Any] = extension if isinstance(extension, Mapping) else {}
    expires = claims.get("exp")
    return Caller(
        subject,
        KIND,
        address,
        issuer=_text(claims.get("iss")),
        organisation=_text(iua.get("subject_organization_id")) or _text(iua.get("subject_organization")),
        scopes=_words(claims.get("scope")) | _words(claims.get("scp")),
        roles=_words(_at(claims, naming.roles)),
        purposes=_codes(iua.get("purpose_of_use")),
        patient=_patient(_at(claims, naming.patient) or iua.get("person_id"), naming.patient_issuer),
        expires=float(expires) if isinstance(expires, int | float) else None,
    )


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """What stands under a name, or at a path of names; a name may itself hold dots, as those that are URLs do."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _words(value: object) -> frozenset[str]:
    """Words with spaces between them, or a list."""
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(word for word in value if isinstance(word, str)) if isinstance(value, list) else frozenset()


def _codes(value: object) -> frozenset[str]:
    """Codes as texts, or as codings with `code` (IUA ITI-71 3.71.4.2.2.1)."""
    items = value if isinstance(value, list) else [value]
    codes = (item.get("code") if isinstance(item, Mapping) else item for item in items)
    return frozenset(code for code in codes if isinstance(code, str) and code)


def _patient(value: object, issuer: str) -> tuple[str, str] | None:
    """(issuer, patient id): of a text, perhaps in HL7's words `ID^^^&issuer&ISO`, or an object with `value` or `id`, `system` or issuer."""
    if isinstance(value, Mapping):
        number = _text(value.get("value")) or _text(value.get("id"))
        return (_text(value.get("system")) or _text(value.get("issuer")) or issuer, number) if number else None
    number, _, authority = _text(value).partition("^^^")
    namespace, _, universal = authority.partition("^")[0].partition("&")
    return (namespace or universal.partition("&")[0] or issuer, number) if number else None
