"""DICOM audit messages (PS3.15 A.5): one XML document for each event. Pure.

A patient is named by the keyed digest of the trail, not by an id: who reads a message elsewhere learns that it is the same patient again,
and can ask the server which (`radiolucent audit show`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from app.audit.events import ACTIVITY, ALERT, BEGIN_TRANSFERRING, LOG_USED, QUERY, TRANSFERRED, Code, Event

APPLICATION, LAUNCHER = Code("110150", "Application"), Code("110151", "Application Launcher")
DESTINATION, SOURCE = Code("110152", "Destination Role ID"), Code("110153", "Source Role ID")
STUDY_UID, CLASS_UID = Code("110180", "Study Instance UID"), Code("110181", "SOP Class UID")
NODE_ID = Code("110182", "Node ID")
PATIENT_NUMBER, URI = Code("2", "Patient Number", "RFC-3881"), Code("12", "URI", "RFC-3881")
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
"""Study Root Query/Retrieve Information Model - FIND: what a Search stands for."""

PERSON, SYSTEM = "1", "2"
PATIENT_ROLE, REPORT_ROLE, SECURITY_ROLE = "1", "3", "13"
APPLICATION_SERVER = "4"
BYTE_STREAM = "1.2.840.10008.1.2.1"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Site:
    """Who speaks: `source` names this system among those of its enterprise, `address` is where it is reached."""

    source: str = "radiolucent"
    enterprise: str = ""
    address: str = ""


def message(event: Event, site: Site) -> bytes:
    """The document, UTF-8 without a declaration, as it goes into one syslog message."""
    root = Element("AuditMessage")
    record = event.record
    head = SubElement(
        root,
        "EventIdentification",
        {"EventActionCode": event.kind.action, "EventDateTime": record["time"], "EventOutcomeIndicator": event.outcome},
    )
    _code(head, "EventID", event.kind.event)
    if event.kind.type is not None:
        _code(head, "EventTypeCode", event.kind.type)
    if event.outcome != "0":
        SubElement(head, "EventOutcomeDescription").text = _clean(record["outcome"])
    _participants(root, event, site)
    source = {"AuditEnterpriseSiteID": site.enterprise} if site.enterprise else {}
    place = SubElement(root, "AuditSourceIdentification", {**source, "AuditSourceID": site.source})
    SubElement(place, "AuditSourceTypeCode", {"csd-code": APPLICATION_SERVER})
    for name, attributes, code, fill in _objects(event):
        found = SubElement(root, "ParticipantObjectIdentification", {"ParticipantObjectID": _clean(name), **attributes})
        _code(found, "ParticipantObjectIDTypeCode", code)
        _fill(found, fill)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=False))


def _fill(found: Element, fill: Mapping[str, Any]) -> None:
    """The children of an object, in the order of the schema: a query or a name, details, and the instances."""
    if "query" in fill:
        SubElement(found, "ParticipantObjectQuery").text = fill["query"]
    else:
        SubElement(found, "ParticipantObjectName").text = fill["name"]
    for name, value in fill.get("details", {}).items():
        SubElement(found, "ParticipantObjectDetail", {"type": name, "value": _base64(str(value))})
    if instances := fill.get("instances"):
        description = SubElement(found, "ParticipantObjectDescription")
        classes = SubElement(description, "SOPClass", {"NumberOfInstances": str(len(instances))})
        for uid in instances:
            SubElement(classes, "Instance", {"UID": uid})


def _participants(root: Element, event: Event, site: Site) -> None:
    """Whoever asked, and this service; which of them is source and which destination the event tells."""
    record, kind = event.record, event.kind.event
    roles: tuple[Code | None, Code | None] = (None, None)
    if kind in (QUERY, TRANSFERRED):
        roles = SOURCE, DESTINATION
    elif kind == BEGIN_TRANSFERRING:
        roles = DESTINATION, SOURCE
    elif kind == ACTIVITY:
        roles = LAUNCHER, APPLICATION
    user = {"UserID": _clean(_user(event)), "UserIsRequestor": "true"}
    if record.get("organisation"):
        user["UserName"] = _clean(f"{record['subject']}, {record['organisation']}")
    if record.get("key"):
        user["AlternativeUserID"] = _clean(f"rlk_{record['key']}")
    if record.get("address"):
        user |= {"NetworkAccessPointID": _clean(record["address"]), "NetworkAccessPointTypeCode": "2"}
    _participant(root, user, roles[0], record.get("roles") or ())
    own = {"UserID": site.source, "UserIsRequestor": "false"}
    if site.address:
        own |= {"NetworkAccessPointID": site.address, "NetworkAccessPointTypeCode": "1"}
    _participant(root, own, roles[1], ())


def _participant(
    root: Element, attributes: Mapping[str, str], role: Code | None, roles: Mapping[str, str] | list[str] | tuple[str, ...]
) -> None:
    found = SubElement(root, "ActiveParticipant", dict(attributes))
    if role is not None:
        _code(found, "RoleIDCode", role)
    for name in roles:
        _code(found, "RoleIDCode", Code(name, name, "radiolucent"))


def _user(event: Event) -> str:
    record = event.record
    subject = record["subject"] or "unknown"
    return f"{subject}@{record['issuer']}" if record.get("issuer") else str(subject)


Object = tuple[str, Mapping[str, str], Code, Mapping[str, Any]]


def _objects(event: Event) -> Iterator[Object]:
    """What it was done on: the query, the log or the node, the studies, and their patients. The first of them holds the facts."""
    found = list(_without_facts(event))
    facts = _facts(event)
    for place, (name, attributes, code, fill) in enumerate(found):
        yield name, attributes, code, {**fill, "details": {**fill.get("details", {}), **facts}} if place == 0 else fill


def _without_facts(event: Event) -> Iterator[Object]:
    record, kind = event.record, event.kind.event
    detail = record.get("detail") or {}
    if kind == QUERY:
        fill = {"query": _base64(str(detail.get("query", ""))), "details": {"TransferSyntax": BYTE_STREAM}}
        yield STUDY_ROOT, _typed(SYSTEM, REPORT_ROLE), CLASS_UID, fill
    if kind == LOG_USED:
        yield "urn:radiolucent:audit", _typed(SYSTEM, SECURITY_ROLE), URI, {"name": "Security Audit Log"}
    if kind == ALERT:
        what = str(detail.get("resource") or detail.get("webhook") or detail.get("key") or record["action"])
        described = {"Alert Description": f"{record['outcome']}: {record['action']}"}
        yield what, _typed(SYSTEM, SECURITY_ROLE), NODE_ID, {"name": "Resource", "details": described}
    for study in sorted(event.studies):
        cycle = {"ParticipantObjectDataLifeCycle": "14"} if event.kind.action == "D" else {}
        instances = sorted(event.instances) if len(event.studies) == 1 else []
        yield study, {**_typed(SYSTEM, REPORT_ROLE), **cycle}, STUDY_UID, {"name": "Study", "instances": instances}
    for patient in sorted(event.patients):
        yield patient, _typed(PERSON, PATIENT_ROLE), PATIENT_NUMBER, {"name": "Patient, by keyed digest"}


def _facts(event: Event) -> dict[str, str]:
    """What the schema has no place of its own for."""
    record = event.record
    detail = record.get("detail") or {}
    found = {name: str(detail[name]) for name in ("level", "matches", "lost_before") if name in detail}
    if record.get("purposes"):
        found["PurposeOfUse"] = " ".join(record["purposes"])
    if event.count > 1:
        found |= {"Requests": str(event.count), "Until": event.until}
    if event.requests and event.requests[0]:
        found["X-Request-Id"] = event.requests[0]
    return found


def _typed(kind: str, role: str) -> dict[str, str]:
    return {"ParticipantObjectTypeCode": kind, "ParticipantObjectTypeCodeRole": role}


def _code(parent: Element, name: str, code: Code) -> None:
    meaning = _clean(code.meaning)
    SubElement(
        parent,
        name,
        {"csd-code": _clean(code.code), "codeSystemName": code.system, "displayName": meaning, "originalText": meaning},
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def _clean(text: str) -> str:
    """Without what no XML document can hold."""
    return _NOT_XML.sub("?", text)
