"""Who gets audit events: a syslog receiver over TLS, as DICOM audit messages; a FHIR server, as AuditEvents. Blocking: for threads."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import httpx

from app.audit import fhir, syslog
from app.audit.delivery import Send
from app.audit.dicom_message import Site, message
from app.audit.events import Event

SECONDS = 30.0


def to_syslog(receiver: syslog.Receiver, site: Site) -> Send:
    """Each event as a DICOM audit message (PS3.15 A.6)."""

    def send(events: Sequence[Event]) -> None:
        host, process = socket.gethostname(), str(os.getpid())
        syslog.send(
            receiver,
            [syslog.syslog_message(message(event, site), event.record["time"], host, site.source, process) for event in events],
        )

    return send


def to_fhir(url: str, token: str, site: Site) -> Send:
    """Each event by `POST {url}/AuditEvent` (FHIR R4 3.1.0.8)."""

    def send(events: Sequence[Event]) -> None:
        headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with httpx.Client(timeout=SECONDS, headers=headers, follow_redirects=False) as client:
                for event in events:
                    answer = client.post(f"{url.rstrip('/')}/AuditEvent", json=fhir.resource(event, site))
                    if not answer.is_success:
                        raise OSError(f"status {answer.status_code}")
        except httpx.HTTPError as error:
            raise OSError("the FHIR server cannot be reached") from error

    return send
