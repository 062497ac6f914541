"""The change feed on the wire: what its parameters mean, and how a change is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.dicomweb import change_feed
from app.dicomweb.change_feed import Asked, parse
from app.errors import InvalidQuery, TooLarge
from app.feed import Interest
from app.model import Change, ChangeKind, Target, Uid

STORED = Change(7, ChangeKind.CREATED, Target(Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.4")), "ab" * 32, 1706696100.1234)
BASE = "https://pacs.example.org/dicom-web"


def asked(*items: tuple[str, str], last_event: str | None = None) -> Asked:
    return parse(items, uids=3, last_event=last_event)


def test_nothing_said_is_everything_from_the_beginning() -> None:
    assert asked() == Asked(0, None, 0.0, Interest())


def test_every_parameter() -> None:
    found = asked(
        ("after", "12"), ("limit", "5"), ("wait", "2.5"), ("kind", "stored,deleted"), ("study", "1.2,1.3"),
        ("since", "2024-01-31T11:15:00+01:00"), ("accept", "application/json"),
    )  # fmt: skip
    kinds = frozenset({ChangeKind.CREATED, ChangeKind.DELETED})
    assert found == Asked(12, 5, 2.5, Interest(kinds, frozenset({Uid("1.2"), Uid("1.3")}), 1706696100.0))


def test_latest_is_what_comes_from_now_on() -> None:
    assert asked(("after", "latest")).after is None


def test_a_stream_that_goes_on_begins_where_it_ended() -> None:
    assert asked(("after", "latest"), last_event="41").after == 41


def test_nobody_waits_for_longer_than_the_longest_wait() -> None:
    assert asked(("wait", "99999")).wait == change_feed.LONGEST_WAIT


@pytest.mark.parametrize(
    "item",
    [
        ("after", "-1"), ("after", "x"), ("after", ""), ("after", "9" * 19), ("after", "١"), ("limit", "1.5"), ("limit", ""),
        ("wait", "nan"), ("wait", "-1"), ("wait", "1e9"), ("kind", "created"), ("study", "1.2;1.3"), ("study", "x"),
        ("since", "2024-01-31"), ("since", "2024-01-31T10:15:00"), ("since", "yesterday"), ("PatientName", "x"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(item: tuple[str, str]) -> None:
    with pytest.raises(InvalidQuery):
        asked(item)


def test_a_parameter_stands_once() -> None:
    with pytest.raises(InvalidQuery, match="twice"):
        asked(("after", "1"), ("after", "2"))


def test_studies_are_bounded() -> None:
    with pytest.raises(TooLarge):
        asked(("study", "1.1,1.2,1.3,1.4"))


def test_a_foreign_last_event_id_is_refused() -> None:
    with pytest.raises(InvalidQuery):
        asked(last_event="abc\r\n")


def test_every_kind_has_a_name() -> None:
    assert set(change_feed.KINDS) == set(ChangeKind)


def test_a_change_tells_uids_and_where_the_instance_is() -> None:
    assert change_feed.as_json(STORED, BASE) == {
        "sequence": 7,
        "kind": "stored",
        "at": "2024-01-31T10:15:00.123Z",
        "study": "1.2",
        "series": "1.2.3",
        "instance": "1.2.3.4",
        "digest": "ab" * 32,
        "url": f"{BASE}/studies/1.2/series/1.2.3/instances/1.2.3.4",
    }


def test_what_is_gone_has_no_address() -> None:
    assert "url" not in change_feed.as_json(replace(STORED, kind=ChangeKind.DELETED), BASE)


def test_a_page_and_lines_and_events_tell_the_same() -> None:
    two = [STORED, replace(STORED, sequence=9, kind=ChangeKind.REPLACED)]
    page = json.loads(change_feed.page(two, BASE, following=9, more=True))
    lines = [json.loads(line) for line in change_feed.lines(two, BASE).splitlines()]
    assert (page["changes"], page["next"], page["more"]) == (lines, 9, True)
    first, second, end = change_feed.events(two, BASE).decode().split("\n\n")
    assert (first.splitlines()[:2], second.splitlines()[:2], end) == (["id: 7", "event: stored"], ["id: 9", "event: updated"], "")
    assert [json.loads(event.splitlines()[2].removeprefix("data: ")) for event in (first, second)] == lines
