"""`radiolucent audit`: the trail checked and read, as a person does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.test_events import validate
from tests.builders import instance
from tests.cli.test_commands import Command
from tests.e2e.server import running


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


@pytest.fixture
def stored(radiolucent: Command, tmp_path: Path) -> Path:
    """A trail of two imports."""
    for name in ("P1", "P2"):
        file = tmp_path / f"{name}.dcm"
        file.write_bytes(instance(study_uid=f"1.{name[1]}", series_uid=f"1.{name[1]}.1", instance_uid=f"1.{name[1]}.1.1", PatientID=name))
        assert radiolucent("import", str(file)).returncode == 0
    return tmp_path / "data" / "audit.jsonl"


def test_a_whole_trail_and_one_that_was_edited(radiolucent: Command, stored: Path) -> None:
    whole = radiolucent("audit", "verify")
    assert (whole.returncode, whole.stdout) == (0, "2 records of 2 writers, 4 signed heads: whole\n")
    stored.write_text(stored.read_text().replace('"action":"store"', '"action":"search"', 1))
    found = radiolucent("audit", "verify")
    assert found.returncode == 1
    assert "edited    audit.jsonl:1: the record does not hash to what it says" in found.stdout
    stored.write_text(stored.read_text().splitlines()[0] + "\n")
    assert "truncated writer" in radiolucent("audit", "verify").stdout


def test_a_copy_of_the_heads_finds_what_was_taken_from_both(radiolucent: Command, stored: Path, tmp_path: Path) -> None:
    heads = Path(f"{stored}.heads")
    copy = tmp_path / "copy"
    copy.write_bytes(heads.read_bytes())
    stored.write_text("".join(stored.read_text().splitlines(keepends=True)[:1]))
    heads.write_bytes(b"".join(heads.read_bytes().splitlines(keepends=True)[:2]))
    assert radiolucent("audit", "verify").returncode == 0
    found = radiolucent("audit", "verify", "--heads", str(copy), "--public-key", str(stored.with_name("audit.pub")))
    assert (found.returncode, "truncated" in found.stdout) == (1, True)


def test_show_answers_who_has_done_what_and_is_on_record_itself(radiolucent: Command, stored: Path) -> None:
    every = radiolucent("audit", "show").stdout.splitlines()
    assert len(every) == 3
    shown = radiolucent("audit", "show", "--patient", "P1").stdout.splitlines()
    assert len([line for line in shown if "store" in line]) == 1
    assert '"studies": ["1.1"]' in shown[0]
    assert len([line for line in shown if "review" in line]) == 1, "that somebody has asked for him is told as well"
    assert radiolucent("audit", "show", "--action", "store", "--until", "2020-01-01").stdout == ""
    assert len(radiolucent("audit", "show", "--study", "1.2", "--action", "store").stdout.splitlines()) == 1
    assert len(radiolucent("audit", "show", "--subject", "nobody").stdout.splitlines()) == 0
    reviews = [record for record in map(json.loads, stored.read_text().splitlines()) if record["action"] == "review"]
    assert len(reviews) == 5
    assert "P1" not in stored.read_text()
    assert radiolucent("audit", "verify").returncode == 0


def test_a_time_that_is_none_is_refused_in_a_sentence(radiolucent: Command, stored: Path) -> None:
    refused = radiolucent("audit", "show", "--since", "yesterday")
    assert (refused.returncode, "Write times like" in refused.stderr) == (2, True)


def test_export_is_valid_in_each_form(radiolucent: Command, stored: Path, tmp_path: Path) -> None:
    messages = radiolucent("audit", "export", "--action", "store").stdout.splitlines()
    assert len(messages) == 2
    checked = validate([message.encode() for message in messages], tmp_path)
    assert checked.returncode == 0, checked.stderr
    events = [json.loads(line) for line in radiolucent("audit", "export", "--format", "fhir", "--patient", "P1").stdout.splitlines()]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    assert len(events) == 2, "the store, and that somebody has asked for him"
    records = radiolucent("audit", "export", "--format", "json", "--study", "1.2", "--action", "store").stdout.splitlines()
    assert [json.loads(record)["detail"]["studies"] for record in records] == [["1.2"]]


def test_starting_and_stopping_the_service_is_on_record(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        pass
    trail = tmp_path / "data" / "audit.jsonl"
    records = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [record["detail"] for record in records if record["kind"] == "service"] == [{"application": "start"}, {"application": "stop"}]
