"""A change as CloudEvents 1.0."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from app.events import cloud_events
from app.model import Change, ChangeKind, Target, Uid

STORED = Change(7, ChangeKind.CREATED, Target(Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.4")), "ab" * 32, 1706696100.1234)


def test_one_event() -> None:
    kind, body = cloud_events.body([STORED], "https://pacs.example.org/dicom-web", batch=False)
    assert kind == "application/cloudevents+json; charset=utf-8"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "7",
        "source": "https://pacs.example.org/dicom-web",
        "type": "radiolucent.instance.stored",
        "subject": "studies/1.2/series/1.2.3/instances/1.2.3.4",
        "time": "2024-01-31T10:15:00.123Z",
        "datacontenttype": "application/json",
        "data": {"sequence": 7, "study": "1.2", "series": "1.2.3", "instance": "1.2.3.4"},
    }


def test_required_attributes_are_strings_that_are_not_empty_and_the_time_is_one() -> None:
    event = cloud_events.as_event(STORED, "/dicom-web")
    assert all(isinstance(event[name], str) and event[name] for name in ("specversion", "id", "source", "type", "subject"))
    assert all(name.islower() and name.isalnum() for name in event), "names of attributes are small letters and digits (3.1)"
    assert datetime.fromisoformat(event["time"]).tzinfo is not None


@pytest.mark.parametrize(("kind", "called"), [(ChangeKind.REPLACED, "updated"), (ChangeKind.DELETED, "deleted")])
def test_other_kinds(kind: ChangeKind, called: str) -> None:
    assert cloud_events.as_event(replace(STORED, kind=kind), "/")["type"] == f"radiolucent.instance.{called}"


def test_a_batch_is_a_list_also_of_one() -> None:
    kind, body = cloud_events.body([STORED], "/", batch=True)
    assert kind == "application/cloudevents-batch+json; charset=utf-8"
    assert [event["id"] for event in json.loads(body)] == ["7"]
