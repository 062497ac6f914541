"""The OpenAPI document, written as data: what each route takes and answers. Endpoints stay free of documentation.

`openapi/dicomweb.json` is this document; a test fails when the two differ, or when a route is missing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import __version__

DICOM_JSON = "application/dicom+json"
PART10 = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
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

PATH_PARAMETERS = {
    "study": ("Study Instance UID", "1.2.826.0.1.3680043.8.498.1"),
    "series": ("Series Instance UID", "1.2.826.0.1.3680043.8.498.1.1"),
    "instance": ("SOP Instance UID", "1.2.826.0.1.3680043.8.498.1.1.1"),
    "frames": ("Frame numbers from 1, separated by commas; the answer keeps their order", "1,3,2"),
    "path": ("Where the value stands: tag, item number from 1, tag …, as BulkDataURIs in the metadata name it", "54000100/1/54001010"),
}
SEARCH_PARAMETERS = {
    "PatientName": ("Match, like every keyword or 8-digit tag: a value, `*` and `?`, a range for dates and times", "doe*"),
    "StudyDate": ("A day, or a range with a hyphen", "20240101-20241231"),
    "ModalitiesInStudy": ("Studies in which any series has this modality", "CT"),
    "includefield": ("Further attributes to return: keywords or tags with commas, or `all`", "StudyDescription"),
    "fuzzymatching": ("`true`: names match by the beginnings of their words", "true"),
    "limit": ("At most so many matches", "100"),
    "offset": ("Leave out so many matches first", "0"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path: a sentence, the clause, media types of the answers by status, and the body it takes."""

    summary: str
    clause: str
    tag: str
    answers: Mapping[int, tuple[str, tuple[str, ...]]]
    errors: tuple[int, ...] = (400, 404, 406)
    search: bool = False
    body: tuple[str, ...] = ()
    example: Any = None


def _search(what: str) -> Operation:
    answers = {200: ("The matches as one JSON array, newest study first; `[]` if nothing matches", (DICOM_JSON,))}
    return Operation(f"Search {what}", "PS3.18 10.6", "Search", answers, (400, 406, 413), search=True, example=[EXAMPLE_STUDY])


def _instances(what: str) -> Operation:
    answers = {
        200: ("Part 10 files", (PART10, "application/dicom") if what == "an instance" else (PART10,)),
        206: ("Some instances have no acceptable form and were left out", (PART10,)),
    }
    return Operation(f"Retrieve {what}", "PS3.18 10.4", "Retrieve", answers)


def _metadata(what: str) -> Operation:
    answers = {200: ("One JSON array with one object for each instance", (DICOM_JSON,)), 304: ("The copy you have is current", ())}
    return Operation(f"Retrieve the metadata of {what}", "PS3.18 10.4.1.1.2", "Retrieve", answers)


def _store(where: str) -> Operation:
    answers = {
        200: ("All are stored", (DICOM_JSON,)),
        202: ("Some are stored, others not, or with warnings; the report tells which", (DICOM_JSON,)),
        409: ("None is stored; the report tells why", (DICOM_JSON,)),
    }
    return Operation(
        f"Store instances {where}",
        "PS3.18 10.5",
        "Store",
        answers,
        (400, 406, 413, 415, 503),
        body=(PART10, "application/dicom"),
        example=EXAMPLE_REPORT,
    )


def _delete(what: str) -> Operation:
    return Operation(f"Delete {what}", "extension", "Delete", {204: ("Gone, everywhere and at once", ())}, (400, 404))


STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("post", "/studies"): _store("of any study"),
    ("post", STUDY): _store("of this study"),
    ("get", "/studies"): _search("studies"),
    ("get", "/series"): _search("series of all studies"),
    ("get", "/instances"): _search("instances of all studies"),
    ("get", STUDY + "/series"): _search("the series of a study"),
    ("get", STUDY + "/instances"): _search("the instances of a study"),
    ("get", SERIES + "/instances"): _search("the instances of a series"),
    ("get", STUDY): _instances("a study"),
    ("get", SERIES): _instances("a series"),
    ("get", INSTANCE): _instances("an instance"),
    ("get", STUDY + "/metadata"): _metadata("a study"),
    ("get", SERIES + "/metadata"): _metadata("a series"),
    ("get", INSTANCE + "/metadata"): _metadata("an instance"),
    ("get", INSTANCE + "/frames/{frames}"): Operation(
        "Retrieve frames",
        "PS3.18 10.4.1.1.6",
        "Retrieve",
        {200: ("One part for each frame, in the order asked for", (OCTETS, "application/octet-stream"))},
    ),
    ("get", INSTANCE + "/bulkdata"): Operation(
        "Retrieve all bulkdata of an instance", "PS3.18 10.4.1.1.5", "Retrieve", {200: ("One part for each value", (OCTETS,))}
    ),
    ("get", INSTANCE + "/bulkdata/{path}"): Operation(
        "Retrieve one bulkdata value",
        "PS3.18 10.4.1.1.5",
        "Retrieve",
        {200: ("The value's bytes, little endian; documents under their own media type", ("application/octet-stream", OCTETS))},
    ),
    ("delete", STUDY): _delete("a study"),
    ("delete", SERIES): _delete("a series"),
    ("delete", INSTANCE): _delete("an instance"),
}
OPERATIONAL: dict[tuple[str, str], Operation] = {
    ("get", "/health/live"): Operation("The process answers", "", "Health", {200: ("It does", ("application/json",))}, ()),
    ("get", "/health/ready"): Operation(
        "Every backend can do its work",
        "",
        "Health",
        {200: ("All can", ("application/json",)), 503: ("`checks` says which cannot, and why", ("application/json",))},
        (),
    ),
    ("get", "/version"): Operation("Name and version", "", "Health", {200: ("Both", ("application/json",))}, ()),
}


def document(base_path: str) -> dict[str, Any]:
    """The whole OpenAPI 3.1 document for a service under `base_path`."""
    paths: dict[str, dict[str, Any]] = {}
    for prefix, operations in ((base_path, OPERATIONS), ("", OPERATIONAL)):
        for (method, path), operation in operations.items():
            paths.setdefault(prefix + path, {})[method] = _operation(method, path, operation)
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


def _operation(method: str, path: str, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": "_".join((method, *re.findall(r"\w+", path))),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {},
    }
    if operation.clause:
        described["description"] = operation.clause
    parameters = [_parameter("path", name, *PATH_PARAMETERS[name]) for name in re.findall(r"{(\w+)", path)]
    if operation.search:
        parameters += [_parameter("query", name, *text) for name, text in SEARCH_PARAMETERS.items()]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        schema = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": dict.fromkeys(operation.body, schema)}
    for status, (text, media_types) in operation.answers.items():
        described["responses"][str(status)] = _response(text, media_types, operation.example)
    for status in operation.errors:
        if status not in operation.answers:
            content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            described["responses"][str(status)] = {"description": _ERRORS[status], "content": content}
    return described


_ERRORS = {
    400: "The request breaks the grammar of PS3.18; the problem document says where",
    404: "There is no such resource for this caller",
    406: "Nothing on offer fits the Accept header; the problem document lists the offers",
    413: "Beyond one of the limits",
    415: "The body is of a media type that is not taken",
    503: "A backend does not answer; try again after Retry-After",
}


def _parameter(place: str, name: str, text: str, example: str) -> dict[str, Any]:
    described = {"name": name, "in": place, "description": text, "schema": {"type": "string"}, "example": example}
    return {**described, "required": True} if place == "path" else described


def _response(text: str, media_types: tuple[str, ...], example: Any) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media_type in media_types:
        if media_type == DICOM_JSON:
            item = {"$ref": "#/components/schemas/DicomObject"}
            content[media_type] = {"schema": item if isinstance(example, dict) else {"type": "array", "items": item}}
            if example is not None:
                content[media_type]["example"] = example
        else:
            content[media_type] = {"schema": {"type": "string", "format": "binary"} if "json" not in media_type else {"type": "object"}}
    return {"description": text, "content": content} if content else {"description": text}
