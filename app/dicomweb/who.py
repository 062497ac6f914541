"""By what patients are told apart: PatientID with its issuer (PS3.3 C.7.1.1.1), in the normal form of search. Pure."""

from __future__ import annotations

from app.dicomweb.search_results import columns
from app.model import JsonObject, Level

SEPARATOR = "\x1f"
_ID, _ISSUER = "00100020", "00100021"


def who(attributes: JsonObject) -> str | None:
    """PatientID and IssuerOfPatientID around U+001F, from a DICOM JSON object of the study level; None without a PatientID."""
    found = columns(Level.STUDY, {name: attributes[name] for name in (_ID, _ISSUER) if name in attributes})
    return None if found["patient_id"] is None else f"{found['patient_id']}{SEPARATOR}{found['issuer_of_patient_id'] or ''}"


def named(patient_id: str, issuer: str = "") -> str | None:
    """The same for an id and an issuer as somebody writes them."""
    return who({_ID: {"vr": "LO", "Value": [patient_id]}, _ISSUER: {"vr": "LO", "Value": [issuer] if issuer else []}})
