"""What becomes of records when they leave the house: which event of PS3.15 A.5.3, valid by A.5.1, as FHIR, and hundreds joined into one."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit import fhir
from app.audit.dicom_message import Site, message
from app.audit.events import aggregated
from app.model import Action

SCHEMA = Path(__file__).with_name("audit_message.rng")
SITE = Site("archive-1", "North Hospital", "pacs.example.org")


def record(action: str, outcome: str = "success", at: str = "08:15:00.123", **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-31T{at}Z",
        "subject": "ann",
        "issuer": "https://login.example.org",
        "kind": "user",
        "key": "",
        "organisation": "North Hospital",
        "tenant": "",
        "roles": ["reader"],
        "purposes": ["TREAT"],
        "address": "192.0.2.7",
        "action": action,
        "study": None,
        "series": None,
        "instance": None,
        "patients": [],
        "outcome": outcome,
        "request_id": "0123456789abcdef",
        "detail": {},
        **more,
    }


STUDY: dict[str, Any] = {"study": "1.2", "patients": ["0f" * 16]}
NOBODY: dict[str, Any] = {"subject": "", "issuer": "", "kind": "unknown", "organisation": "", "roles": [], "purposes": []}
CASES = {
    "retrieve": (record("retrieve", **STUDY, series="1.3", instance="1.4", detail={"frames": 1}), "110102", "E", "0"),
    "rendered": (record("retrieve", **STUDY, series="1.3", instance="1.4", detail={"rendered": True}), "110103", "R", "0"),
    "metadata": (record("retrieve", **STUDY, detail={"metadata": True}), "110103", "R", "0"),
    "not modified": (record("retrieve", "NotModified", **STUDY), "110102", "E", "0"),
    "hidden": (record("retrieve", "NotFound", study="1.9"), "110102", "E", "4"),
    "damaged": (record("retrieve", "Corrupt", **STUDY), "110102", "E", "8"),
    "store": (record("store", detail={"stored": 3, "studies": ["1.2", "1.3"]}, patients=["0f" * 16, "1f" * 16]), "110104", "C", "0"),
    "search": (
        record("search", detail={"query": "PatientName=D\u00f6e*", "level": "study", "matches": 2, "studies": ["1.2"]}),
        "110112",
        "E",
        "0",
    ),
    "wrong search": (record("search", "InvalidQuery", detail={"query": "x=\x00<&\"'"}), "110112", "E", "4"),
    "delete": (record("delete", **STUDY, detail={"instances": 9}), "110105", "D", "0"),
    "delete a series": (record("delete", **STUDY, series="1.3"), "110103", "D", "0"),
    "sign in": (record("sign-in"), "110114", "E", "0"),
    "review": (record("review", detail={"command": "show"}), "110101", "R", "0"),
    "administer": (record("administer", detail={"webhook": "ris"}), "110113", "E", "0"),
    "unknown caller": (
        record("retrieve", "Unauthorized", study="1.2", detail={"resource": "/studies/{study}"}, **NOBODY),
        "110113",
        "E",
        "4",
    ),
    "forbidden": (record("store", "Forbidden", key="0123456789"), "110113", "E", "4"),
    "start": (record("administer", detail={"application": "start"}), "110100", "E", "0"),
    "stop": (record("administer", detail={"application": "stop"}), "110100", "E", "0"),
}


def validate(documents: list[bytes], folder: Path) -> subprocess.CompletedProcess[str]:
    files = [folder / f"{number}.xml" for number in range(len(documents))]
    for file, document in zip(files, documents, strict=True):
        file.write_bytes(document)
    return subprocess.run(
        ["xmllint", "--nonet", "--noout", "--relaxng", str(SCHEMA), *map(str, files)], capture_output=True, text=True, check=False
    )


def test_every_kind_of_record_becomes_its_event_and_each_message_is_valid(tmp_path: Path) -> None:
    documents = []
    for name, (one, code, action, outcome) in CASES.items():
        (event,) = aggregated([one])
        documents.append(message(event, SITE))
        head = fromstring(documents[-1]).find("EventIdentification")
        assert head is not None
        event_id = head.find("EventID")
        assert event_id is not None
        told = (event_id.get("csd-code"), head.get("EventActionCode"), head.get("EventOutcomeIndicator"))
        assert told == (code, action, outcome), name
    checked = validate(documents, tmp_path)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("what", "by"),
    [
        (b"<EventID ", b"<EventIDs "),
        (b'EventOutcomeIndicator="0"', b'EventOutcomeIndicator="1"'),
        (b'originalText="Query"', b""),
        (b'UserIsRequestor="true"', b'UserIsRequestor="perhaps"'),
        (b'AuditSourceID="archive-1"', b""),
        (b"<ParticipantObjectQuery>", b"<ParticipantObjectName>x</ParticipantObjectName><ParticipantObjectQuery>"),
    ],
)
def test_the_schema_refuses_what_is_none(what: bytes, by: bytes, tmp_path: Path) -> None:
    (event,) = aggregated([CASES["search"][0]])
    document = message(event, SITE)
    assert what in document
    assert validate([document.replace(what, by, 1)], tmp_path).returncode != 0


def test_the_query_stands_in_the_message_as_it_was_written() -> None:
    (event,) = aggregated([CASES["search"][0]])
    query = fromstring(message(event, SITE)).findtext("ParticipantObjectIdentification/ParticipantObjectQuery")
    assert query is not None
    assert base64.b64decode(query).decode() == "PatientName=D\u00f6e*"


def viewing(count: int, **more: Any) -> Iterator[dict[str, Any]]:
    for number in range(count):
        at = f"08:15:{number * 50 // count:02}.000"
        yield record("retrieve", at=at, **STUDY, series=f"1.3.{number % 3}", instance=f"1.4.{number}", detail={"frames": 1}, **more)


def test_a_study_that_is_looked_at_is_one_event_that_names_every_instance() -> None:
    (event,) = aggregated(viewing(200))
    assert (event.count, len(event.instances), event.series) == (200, 200, {"1.3.0", "1.3.1", "1.3.2"})
    root = fromstring(message(event, SITE))
    assert len(root.findall("ParticipantObjectIdentification/ParticipantObjectDescription/SOPClass/Instance")) == 200
    details = {found.get("type"): base64.b64decode(found.get("value", "")).decode() for found in root.iter("ParticipantObjectDetail")}
    assert details == {
        "Requests": "200",
        "Until": "2026-01-31T08:15:49.000Z",
        "PurposeOfUse": "TREAT",
        "X-Request-Id": "0123456789abcdef",
    }
    told = fhir.resource(event, SITE)
    assert told["period"] == {"start": "2026-01-31T08:15:00.000Z", "end": "2026-01-31T08:15:49.000Z"}


def test_no_message_is_larger_than_receivers_must_take() -> None:
    long = record("retrieve", **{**STUDY, "study": "1." + "2" * 62})
    events = aggregated({**long, "series": f"1.{n:062}", "instance": f"2.{n:062}"} for n in range(3000))
    assert sum(event.count for event in events) == 3000
    assert len(set().union(*(event.instances for event in events))) == 3000
    assert max(len(message(event, SITE)) for event in events) < 32 * 1024
    shown = record("search", detail={"query": "limit=10000", "matches": 10000, "studies": [f"1.{n}" for n in range(10000)]})
    assert len(message(aggregated([shown])[0], SITE)) < 32 * 1024


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "bob"},
        {"address": "192.0.2.8"},
        {"purposes": ["ETREAT"]},
        {"study": "1.9"},
        {"patients": ["1f" * 16]},
        {"outcome": "NotFound"},
        {"detail": {"rendered": True}},
        {"time": "2026-01-31T08:16:00.123Z"},
    ],
)
def test_nothing_else_is_joined_with_it(other: dict[str, Any]) -> None:
    one = record("retrieve", **STUDY, detail={"frames": 1})
    assert [event.count for event in aggregated([one, dict(one)])] == [2]
    assert [event.count for event in aggregated([one, {**one, **other}])] == [1, 1]


def test_stores_and_searches_and_refusals_without_a_study_stay_single() -> None:
    for name in ("store", "search", "sign in", "forbidden", "delete"):
        assert [event.count for event in aggregated([CASES[name][0]] * 3)] == [1, 1, 1], name


def test_every_event_is_an_audit_event_of_fhir() -> None:
    for name, (one, code, action, outcome) in CASES.items():
        (event,) = aggregated([one])
        found = json.loads(json.dumps(fhir.resource(event, SITE)))
        assert found["resourceType"] == "AuditEvent"
        assert {"type", "recorded", "agent", "source"} <= found.keys(), name  # those that R4 demands
        assert found["action"] == action
        assert found["outcome"] == outcome
        assert code in [each["code"] for each in found["subtype"]]
        assert all(isinstance(agent["requestor"], bool) and agent["who"] for agent in found["agent"])
        assert sum(agent["requestor"] for agent in found["agent"]) == 1, name
        assert found["source"]["observer"]
        for entity in found.get("entity", ()):
            assert not ("name" in entity and "query" in entity)  # sev-1 of the resource
            assert entity.get("what") or entity.get("query") or entity.get("description")


def test_a_read_of_a_patients_study_claims_the_pattern_of_balp() -> None:
    (event,) = aggregated([CASES["metadata"][0]])
    found = fhir.resource(event, SITE)
    assert found["meta"]["profile"] == ["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"]
    client, server, user = found["agent"]
    assert [agent["type"]["coding"][0]["code"] for agent in (client, server, user)] == ["110152", "110153", "IRCP"]
    assert user["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert [entity["type"]["code"] for entity in found["entity"]] == ["2", "1", "XrequestId"]


@settings(max_examples=30, deadline=None)
@given(
    text=st.text(max_size=40),
    action=st.sampled_from([action.value for action in Action] + ["unheard-of"]),
    outcome=st.sampled_from(["success", "Forbidden", "Failed", "InvalidQuery"]),
)
def test_whatever_stands_in_a_record_its_message_is_valid(
    tmp_path_factory: pytest.TempPathFactory, text: str, action: str, outcome: str
) -> None:
    more: dict[str, Any] = {
        "subject": text,
        "issuer": text,
        "organisation": text,
        "roles": [f"r{text}"],
        "detail": {"query": text, "resource": f"/{text}"},
    }
    (event,) = aggregated([record(action, outcome, **more)])
    checked = validate([message(event, SITE)], tmp_path_factory.mktemp("message"))
    assert checked.returncode == 0, checked.stderr
    json.dumps(fhir.resource(event, SITE))
