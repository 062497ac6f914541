"""The OpenAPI document, drawn from the table of transactions; endpoints stay free of documentation.

`openapi/dicomweb.json` is this document; a test fails when the two differ.
"""

from __future__ import annotations

import re
from typing import Any

from app import __version__
from app.dicomweb.media_types import DICOM_JSON
from app.dicomweb.operational import FHIR_JSON, OPERATIONAL
from app.dicomweb.parameters import PATH_PARAMETERS, QUERY_PARAMETERS, Parameter
from app.dicomweb.resources import STUDY
from app.dicomweb.transactions import ERRORS, JSON, TRANSACTIONS, Answer, Transaction
from app.model import JsonObject

PROBLEM = "application/problem+json"

EXAMPLE_STUDY = {
    "00080020": {"vr": "DA", "Value": ["20240131"]},
    "00080061": {"vr": "CS", "Value": ["CT"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
    "00100020": {"vr": "LO", "Value": ["P-1001"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1"]},
    "00201206": {"vr": "IS", "Value": [1]},
    "00201208": {"vr": "IS", "Value": [120]},
}
EXAMPLE_METADATA = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1.1.1"]},
    "00280010": {"vr": "US", "Value": [512]},
    "7FE00010": {
        "vr": "OW",
        "BulkDataURI": "http://127.0.0.1:8080/dicom-web/studies/1.2.826.0.1.3680043.8.498.1/series/1.2.826.0.1.3680043.8.498.1.1"
        "/instances/1.2.826.0.1.3680043.8.498.1.1.1/bulkdata/7FE00010",
    },
}
EXAMPLE_INSTANCE = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
    "00080018": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1.1.1"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1.1"]},
}
EXAMPLE_REPORT = {
    "00081190": {"vr": "UR", "Value": ["http://127.0.0.1:8080/dicom-web/studies/1.2.826.0.1.3680043.8.498.1"]},
    "00081199": {
        "vr": "SQ",
        "Value": [
            {
                "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                "00081155": {"vr": "UI", "Value": ["1.2.826.0.1.3680043.8.498.1.1.1"]},
            }
        ],
    },
}
EXAMPLE_CHANGE = {
    "sequence": 7,
    "kind": "stored",
    "at": "2024-01-31T10:15:00.123Z",
    "study": "1.2.826.0.1.3680043.8.498.1",
    "series": "1.2.826.0.1.3680043.8.498.1.1",
    "instance": "1.2.826.0.1.3680043.8.498.1.1.1",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "url": "http://127.0.0.1:8080/dicom-web/studies/1.2.826.0.1.3680043.8.498.1/series/1.2.826.0.1.3680043.8.498.1.1"
    "/instances/1.2.826.0.1.3680043.8.498.1.1.1",
}
EXAMPLE_WISH = {"subject": "ct1", "scopes": ["system/ImagingStudy.c"], "roles": [], "days": 365}
EXAMPLE_KEY = {
    "prefix": "4f1c09ab7d",
    "subject": "ct1",
    "scopes": ["system/ImagingStudy.c"],
    "roles": [],
    "created": 1735689600.0,
    "expires": 1767225600.0,
    "used": None,
    "revoked": None,
}
EXAMPLE_QUESTION = {"subject": "ann", "role": ["reader"], "studyUID": PATH_PARAMETERS["study"].example}
EXAMPLE_EXPLANATION = {
    "may": True,
    "scopes": ["user/ImagingStudy.rs"],
    "rules": [{"rule": "Everyone may work with the studies of his own hospital", "effect": "permit", "applies": True, "why": None}],
    "refusal": None,
    "permitted": [{"InstitutionName": "North Hospital"}],
    "within": [],
    "denied": [],
    "study": {"there": True, "rules": ["Everyone may work with the studies of his own hospital"]},
}
EXAMPLE_RECORD = {
    "time": "2026-01-31T08:15:00.123Z",
    "subject": "ann",
    "issuer": "https://login.example.org",
    "kind": "token",
    "action": "retrieve",
    "study": PATH_PARAMETERS["study"].example,
    "patients": ["9f86d081884c7d659a2feaa0c55ad015"],
    "outcome": "success",
}
EXAMPLE_CALLER = {
    "subject": "3f1c7a52",
    "kind": "token",
    "issuer": "https://login.example.org",
    "organisation": None,
    "tenant": None,
    "roles": ["radiologist"],
    "scopes": ["user/ImagingStudy.rs"],
    "purposes": [],
    "expires": 1767225600.0,
    "may": ["search", "retrieve"],
}
EXAMPLE_RESOURCE = {
    "resource": "http://127.0.0.1:8080/dicom-web",
    "resource_name": "Radiolucent",
    "scopes_supported": ["user/ImagingStudy.rs"],
    "bearer_methods_supported": ["header"],
    "authorization_servers": ["https://login.example.org"],
}
EXAMPLES: dict[str, JsonObject] = {
    "": {
        "base": "http://127.0.0.1:8080/dicom-web",
        "resources": [{"path": "/studies", "methods": [{"name": "GET", "id": "SearchStudies"}]}],
    },
    "/changes": {"changes": [EXAMPLE_CHANGE], "next": 7, "more": False},
    "/changes/latest": {"changes": [EXAMPLE_CHANGE], "next": 7, "more": False},
    "/debug/negotiate": {
        "resource": "/studies",
        "accept": [{"media_type": "application/dicom+json", "multipart": False, "transfer_syntax": None, "q": 1.0}],
        "accept_parameter": [],
        "choices": [{"offers": ["application/dicom+json"], "acceptable": [], "selected": "application/dicom+json"}],
        "status": 200,
    },
    "/health/live": {"status": "ok"},
    "/health/ready": {"status": "ok", "checks": {"storage": "ok", "database": "ok", "audit": "ok", "pixels": "ok"}},
    "/admin/keys": {"keys": [EXAMPLE_KEY]},
    "/admin/audit": {"records": [EXAMPLE_RECORD], "cursor": None},
    "/admin/policy/explain": {"actions": {"retrieve": EXAMPLE_EXPLANATION}},
    STUDY + "/labels": {"labels": ["research", "teaching"]},
    "/version": {"name": "radiolucent", "version": __version__},
    "/session": EXAMPLE_CALLER,
    "/.well-known/oauth-protected-resource": EXAMPLE_RESOURCE,
    "/.well-known/oauth-protected-resource/{root}": EXAMPLE_RESOURCE,
    "/.well-known/smart-configuration": {
        "issuer": "https://login.example.org",
        "authorization_endpoint": "https://login.example.org/authorize",
        "token_endpoint": "https://login.example.org/token",
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["user/ImagingStudy.rs"],
        "capabilities": ["permission-user", "permission-v2"],
    },
}
"""What plain JSON looks like, by path."""

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable name of the kind of error"},
        "detail": {"type": "string", "description": "What was wrong, and what would be right"},
        "clause": {"type": "string", "description": "Where the standard says so"},
        "offers": {"type": "array", "items": {"type": "string"}, "description": "With 406 and 415: what would be acceptable"},
        "request_id": {"type": "string", "description": "Under which the server's log tells more"},
    },
}
_OBJECT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "DICOM JSON Model object (PS3.18 F.2)",
    "patternProperties": {"^[0-9A-F]{8}$": {"type": "object", "required": ["vr"], "properties": {"vr": {"type": "string"}}}},
}
_OBJECT = {"$ref": "#/components/schemas/DicomObject"}


def document(base_path: str) -> dict[str, Any]:
    """The whole OpenAPI 3.1 document for a service under `base_path`; rows that are missing from this version are left out."""
    paths: dict[str, dict[str, Any]] = {}
    for prefix, rows in ((base_path, TRANSACTIONS), ("", OPERATIONAL)):
        for row in rows:
            if not row.missing:
                paths.setdefault((prefix + row.path) or "/", {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Radiolucent",
            "version": __version__,
            "summary": "DICOMweb origin server: Store, Search and Retrieve (DICOM PS3.18)",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM_SCHEMA, "DicomObject": _OBJECT_SCHEMA}},
    }


def operation_id(row: Transaction) -> str:
    """`GET /studies/{study}/metadata` -> `get_studies_study_metadata`."""
    return "_".join((row.method.lower(), *re.findall(r"\w+", row.path)))


def _operation(row: Transaction) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation_id(row),
        "summary": row.summary,
        "tags": [row.service],
        "responses": {},
    }
    if notes := ". ".join(note for note in (f"PS3.18 {row.clause}" if row.clause else "", row.remark) if note):
        described["description"] = notes
    parameters = [_parameter("path", name, PATH_PARAMETERS[name]) for name in re.findall(r"{(\w+)", row.path)]
    parameters += [_parameter("query", name, QUERY_PARAMETERS[name]) for name in row.parameters]
    if parameters:
        described["parameters"] = parameters
    if row.body:
        described["requestBody"] = {"required": True, "content": {kind: _body(kind, row) for kind in row.body}}
    for answer in row.answers:
        described["responses"][str(answer.status)] = _response(row, answer)
    for status in row.errors:
        described["responses"].setdefault(str(status), _error(status))
    return described


def _body(kind: str, row: Transaction) -> dict[str, Any]:
    if kind == DICOM_JSON:
        return {"schema": {"type": "array", "items": _OBJECT}, "example": [EXAMPLE_INSTANCE]}
    wish = EXAMPLE_QUESTION if row.path.endswith("/explain") else EXAMPLE_WISH
    return {"schema": _schema(kind, row), "example": wish} if kind == JSON else {"schema": _schema(kind, row)}


def _parameter(place: str, name: str, parameter: Parameter) -> dict[str, Any]:
    described = {"name": name, "in": place, "description": parameter.meaning, "schema": {"type": "string"}, "example": parameter.example}
    return {**described, "required": True} if place == "path" else described


def _response(row: Transaction, answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": _schema(kind, row)} for kind in answer.media_types}
    if DICOM_JSON in content:
        content[DICOM_JSON]["example"] = _example(row)
    if JSON in content:
        content[JSON]["example"] = EXAMPLES[row.path]
    return {"description": answer.meaning, "content": content} if content else {"description": answer.meaning}


def _example(row: Transaction) -> Any:
    if row.service == "Store":
        return EXAMPLE_REPORT
    return [EXAMPLE_STUDY if row.service == "Search" else EXAMPLE_METADATA]


def _schema(kind: str, row: Transaction) -> dict[str, Any]:
    if kind == DICOM_JSON:
        return _OBJECT if row.service == "Store" else {"type": "array", "items": _OBJECT}
    return {"type": "object"} if kind in (JSON, FHIR_JSON) else {"type": "string", "format": "binary"}


def _error(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": ERRORS[status]}
    return {"description": ERRORS[status], "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
