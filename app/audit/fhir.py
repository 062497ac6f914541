"""FHIR R4 AuditEvent, in the patterns of IHE Basic Audit Log Patterns: one JSON resource for each event. Pure.

Patients, as everywhere in the trail, by keyed digest: an identifier, no reference.
"""

from __future__ import annotations

import base64
from typing import Any

from app.audit.dicom_message import Site
from app.audit.events import Event

DCM = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
BALP = "https://profiles.ihe.net/ITI/BALP"
DIGEST = "urn:radiolucent:audit:patient"
UID = "urn:dicom:uid"
PROFILES = {"read": "Read", "search-type": "Query", "create": "Create", "update": "Update", "delete": "Delete"}
AS_CLIENT = {"create": ("110153", "110152"), "search-type": ("110153", "110152")}
"""Roles of client and server: where data comes from, and where it goes to."""


def resource(event: Event, site: Site) -> dict[str, Any]:
    """The resource, without an id: the server that takes it gives it one."""
    record, interaction = event.record, event.kind.interaction
    found: dict[str, Any] = {"resourceType": "AuditEvent"}
    if interaction in PROFILES and event.kind.event.code not in ("110101", "110113"):
        patient = "Patient" if event.patients else ""
        found["meta"] = {"profile": [f"{BALP}/StructureDefinition/IHE.BasicAudit.{patient}{PROFILES[interaction]}"]}
    found["type"] = _coding(EVENT_TYPE, "rest", "RESTful Operation")
    subtypes = [_coding(INTERACTION, interaction, interaction), _coding(DCM, event.kind.event.code, event.kind.event.meaning)]
    if event.kind.type is not None:
        subtypes.append(_coding(DCM, event.kind.type.code, event.kind.type.meaning))
    found["subtype"] = subtypes
    found["action"] = event.kind.action
    if event.count > 1:
        found["period"] = {"start": record["time"], "end": event.until}
    found |= {"recorded": record["time"], "outcome": event.outcome}
    if event.outcome != "0":
        found["outcomeDesc"] = record["outcome"]
    purposes = [{"coding": [_coding(REASON, purpose, purpose)]} for purpose in record.get("purposes") or ()]
    if purposes:
        found["purposeOfEvent"] = purposes
    found["agent"] = _agents(event, site, purposes)
    found["source"] = {"observer": {"display": site.source}, "type": [_coding(SOURCE_TYPE, "4", "Application Server")]}
    if site.enterprise:
        found["source"]["site"] = site.enterprise
    if entities := _entities(event):
        found["entity"] = entities
    return found


def _agents(event: Event, site: Site, purposes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Client, server, and the user if one is known."""
    record = event.record
    client, server = AS_CLIENT.get(event.kind.interaction, ("110152", "110153"))
    asking: dict[str, Any] = {
        "type": {"coding": [_coding(DCM, client, _role(client))]},
        "who": {"display": record.get("address") or "unknown"},
    }
    asking["requestor"] = not record["subject"]
    if record.get("address"):
        asking["network"] = {"address": record["address"], "type": "2"}
    own: dict[str, Any] = {"type": {"coding": [_coding(DCM, server, _role(server))]}, "who": {"display": site.source}, "requestor": False}
    if site.address:
        own["network"] = {"address": site.address, "type": "1"}
    agents = [asking, own]
    if record["subject"]:
        who: dict[str, Any] = {"value": record["subject"]}
        if record.get("issuer"):
            who["system"] = record["issuer"]
        user: dict[str, Any] = {
            "type": {"coding": [_coding(PARTICIPATION, "IRCP", "information recipient")]},
            "who": {"identifier": who},
            "requestor": True,
        }
        if roles := record.get("roles"):
            user["role"] = [{"text": role} for role in roles]
        if record.get("organisation"):
            user["who"]["display"] = f"{record['subject']}, {record['organisation']}"
        if record.get("key"):
            user["altId"] = f"rlk_{record['key']}"
        if purposes:
            user["purposeOfUse"] = purposes
        agents.append(user)
    return agents


def _entities(event: Event) -> list[dict[str, Any]]:
    record = event.record
    detail = record.get("detail") or {}
    found: list[dict[str, Any]] = []
    for study in sorted(event.studies):
        entity = _entity({"system": UID, "value": f"urn:oid:{study}"}, ("2", "System Object"), ("4", "Domain Resource"))
        details = [{"type": "SOP Instance UID", "valueString": uid} for uid in sorted(event.instances)] if len(event.studies) == 1 else []
        if event.count > 1:
            details.append({"type": "requests", "valueString": str(event.count)})
        if details:
            entity["detail"] = details
        found.append(entity)
    found += [_entity({"system": DIGEST, "value": patient}, ("1", "Person"), ("1", "Patient")) for patient in sorted(event.patients)]
    if event.kind.interaction == "search-type":
        query = base64.b64encode(str(detail.get("query", "")).encode("utf-8", "surrogatepass")).decode()
        entity = {"type": _coding(ENTITY_TYPE, "2", "System Object"), "role": _coding(OBJECT_ROLE, "24", "Query")}
        found.append(entity | ({"query": query} if query else {"description": "without a query"}))
    if record.get("request_id"):
        kind = _coding(f"{BALP}/CodeSystem/BasicAuditEntityType", "XrequestId", "X-Request-Id")
        found.append({"what": {"identifier": {"value": record["request_id"]}}, "type": kind})
    return found


def _entity(identifier: dict[str, str], kind: tuple[str, str], role: tuple[str, str]) -> dict[str, Any]:
    return {"what": {"identifier": identifier}, "type": _coding(ENTITY_TYPE, *kind), "role": _coding(OBJECT_ROLE, *role)}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _role(code: str) -> str:
    return {"110152": "Destination Role ID", "110153": "Source Role ID"}[code]
