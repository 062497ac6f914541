"""The group of settings on the audit trail."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from app.dicomweb.hosts import is_confidential
from app.settings.groups import Group


class Audit(Group):
    """The audit trail."""

    path: Path | None = None
    """File that takes one JSON line for each transaction. Unset: audit.jsonl in the data folder."""

    key: Path | None = None
    """File of the private key (Ed25519, PEM, mode 0600) that signs how far the trail has come, made on first use; the public key lies
    beside it. Unset: audit.key in the data folder. Keep it: by it patients are told apart in the trail."""

    sign_seconds: float = Field(default=30, gt=0)
    """How long a record may wait, at most, until a signed head covers it."""

    source: str = "radiolucent"
    """What this system is called in audit messages (AuditSourceID)."""

    site: str = ""
    """What the enterprise calls the place of it (AuditEnterpriseSiteID)."""

    on_failure: Literal["refuse", "answer"] = "refuse"
    """While the trail cannot be written: answer nothing (503), or answer, with an alarm in the log for each record that is lost."""

    syslog: str | None = None
    """Where audit events go as DICOM audit messages, by syslog over TLS (RFC 5425): host:port, such as audit.example.org:6514."""

    syslog_ca: Path | None = None
    """PEM file of who has signed that receiver's certificate. Unset: those whom the system trusts."""

    syslog_certificate: Path | None = None
    """PEM file of the certificate that we show to it."""

    syslog_key: Path | None = None
    """PEM file of its key."""

    fhir: str | None = None
    """Base URL of a FHIR R4 server that takes an AuditEvent for each event; https, or this machine."""

    fhir_token: SecretStr | None = None
    """What is sent to it as `Authorization: Bearer`."""

    @field_validator("syslog")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(f"//{value}")
            try:
                named = bool(parts.hostname) and parts.port is not None and not (parts.path or parts.query or parts.username)
            except ValueError:
                named = False
            if not named:
                raise ValueError("write host:port, such as audit.example.org:6514")
        return value

    @field_validator("fhir")
    @classmethod
    def _secret_way(cls, value: str | None) -> str | None:
        if value is not None and not is_confidential(value):
            raise ValueError("write a URL that begins with https://; http:// is for this machine only")
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> Audit:
        if (self.syslog_certificate is None) != (self.syslog_key is None):
            raise ValueError("syslog_certificate and syslog_key belong together")
        return self
