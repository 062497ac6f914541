"""The groups of settings on who may use the service, and by which connection."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from app.credentials import ALGORITHMS
from app.dicomweb.hosts import is_confidential
from app.settings.groups import Count, Group, Names


class AccessSettings(Group):
    """Who may use the service, and how they show who they are. With none of it the service runs in local mode: it asks nobody."""

    api_keys: bool = False
    """Take API keys (`radiolucent keys create`), as `Authorization: Bearer KEY` or as the password of HTTP Basic."""

    issuer: str | None = None
    """The issuer of tokens (OpenID Connect, OAuth 2), exactly as it calls itself, such as https://login.example.org/realms/hospital.
    Its addresses and keys are found by discovery; no other issuer is believed."""

    audience: Names = ()
    """What tokens have to say for whom they are meant (aud): any of these; a list with commas. Needed with `issuer`."""

    algorithms: Names = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
    """Signatures of tokens that are taken. Only those by which the issuer alone can sign can be named."""

    roles_claim: str = "roles"
    """Where tokens have the roles of a user: a claim, or a path with dots such as realm_access.roles."""

    patient_claim: str = "patient"
    """Where tokens have the patient in whose context a launch happened, for scopes that begin with patient/."""

    patient_issuer: str = ""
    """Issuer of Patient ID (0010,0021) for patients in tokens that come without one."""

    introspection: Literal["never", "opaque", "always"] = "never"
    """Whether the issuer is asked what a token means (RFC 7662): never; for tokens that are no JWTs; or for all, so that a revoked one ends
    within half a minute."""

    sign_in: bool = False
    """Let people sign in at the issuer with their browser (authorisation code with PKCE). The issuer has to know the address
    https://HOST/session/callback of this service as a redirect URI of its client."""

    sign_in_scopes: Names = ("openid", "profile")
    """What is asked of the issuer for those who sign in; a list with commas."""

    client_id: str = ""
    """What this service is called at the issuer, for introspection and sign-in."""

    client_secret: SecretStr | None = None
    """Its secret there. Sign-in alone can do without, as a public client."""

    certificates: bool = False
    """Take client certificates: the policy file says which subjects are whom. Needs tls.client_ca."""

    policy: Path | None = None
    """Policy file (TOML; docs/reference/policy.md): roles, and rules on who may do what with which studies. It is read anew when it
    changes. Unset: scopes decide alone."""

    session_hours: float = Field(default=10, gt=0, le=168)
    """How long a session lasts that a browser has begun with POST /session; never longer than the credential that was shown."""

    session_secret: SecretStr | None = None
    """Secret of at least 32 characters with which sessions are signed; all servers behind one address need the same. Unset: a file in the
    data folder."""

    failures_per_minute: Count = 30
    """Credentials of one address that may fail to verify in a minute, to each server process; further ones are answered 429."""

    insecure: bool = False
    """Serve on an address that others can reach without authentication, or without TLS. Then everyone on the way can read, and without
    authentication change, everything."""

    @field_validator("issuer")
    @classmethod
    def _safe_issuer(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if not is_confidential(value):
            raise ValueError("must be an https:// URL, or http:// on this machine")
        if parts.query or parts.fragment:
            raise ValueError("must not have a query")
        return value

    @field_validator("algorithms")
    @classmethod
    def _safe_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - set(ALGORITHMS):
            raise ValueError(f"must be some of {', '.join(ALGORITHMS)}")
        return value

    @field_validator("session_secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @model_validator(mode="after")
    def _complete(self) -> AccessSettings:
        if self.issuer and not self.audience:
            raise ValueError("issuer needs audience: tokens that are meant for other services are not taken")
        if self.introspection != "never" and not (self.issuer and self.client_id and self.client_secret):
            raise ValueError("introspection needs issuer, client_id and client_secret")
        if self.sign_in and not (self.issuer and self.client_id):
            raise ValueError("sign_in needs issuer and client_id")
        if self.certificates and self.policy is None:
            raise ValueError("certificates needs policy, which says which subjects are whom")
        return self

    @property
    def asks(self) -> bool:
        """Whether anybody is asked who he is."""
        return self.api_keys or bool(self.issuer) or self.certificates


class Tls(Group):
    """TLS by the server itself (1.2 and newer, BCP 195). A proxy that does it is as good: then listen on a loopback address."""

    certificate: Path | None = None
    """PEM file with the certificate, and those between it and its root."""

    key: Path | None = None
    """PEM file with its private key."""

    key_password: SecretStr | None = None
    """Password of the key, if it has one."""

    client_ca: Path | None = None
    """PEM file with the authorities whose client certificates are believed. Clients without one are let in, to show something else."""

    hsts_seconds: int = Field(default=31_536_000, ge=0)
    """For how long browsers shall come by https only (Strict-Transport-Security), wherever they came by https. 0: not said."""

    @model_validator(mode="after")
    def _complete(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("client_ca needs certificate and key")
        return self
