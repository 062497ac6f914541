"""`radiolucent keys`: made, shown once, listed, revoked, as a person does it."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.test_commands import Command


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def test_create_list_revoke(radiolucent: Command, tmp_path: Path) -> None:
    made = radiolucent("keys", "create", "ct1", "--scope", "system/ImagingStudy.c", "--role", "modality", "--expires", "30d")
    assert made.returncode == 0, made.stderr
    found = re.match(r"key     (rlk_([0-9a-f]{10})_([\w-]{43}))\nends    \d{4}-", made.stdout)
    assert found is not None, made.stdout
    key, prefix, _ = found.groups()
    listed = radiolucent("keys", "list").stdout
    assert listed.startswith(f"{prefix}  ct1  system/ImagingStudy.c role:modality  made ")
    assert "not used yet" in listed
    with closing(sqlite3.connect(tmp_path / "data" / "index.sqlite3")) as database:
        assert key not in "\n".join(database.iterdump()), "what is kept does not open anything"
    assert radiolucent("keys", "revoke", f"rlk_{prefix}").returncode == 0
    assert "revoked" in radiolucent("keys", "list").stdout
    again = radiolucent("keys", "revoke", prefix)
    assert (again.returncode, "no such key" in again.stderr) == (1, True)
    trail = (tmp_path / "data" / "audit.jsonl").read_text()
    assert key not in trail
    told = [(line["detail"]["change"], line["outcome"]) for line in map(json.loads, trail.splitlines()) if line["action"] == "administer"]
    assert told == [("created", "success"), ("revoked", "success"), ("revoked", "NotFound")]


@pytest.mark.parametrize(("given", "shown"), [("never", "never"), ("2999-01-31", "2999-01-31T00:00:00Z"), ("12h", "20")])
def test_when_it_ends(radiolucent: Command, given: str, shown: str) -> None:
    assert f"ends    {shown}" in radiolucent("keys", "create", "x", "--expires", given).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "--expires", "soon"),
        ("x", "--expires", "2020-01-01"),
        ("x", "--expires", "2999-02-31"),
        ("x", "--scope", "all"),
        ("",),
        ("a\nb",),
    ],
)
def test_what_cannot_be_made(radiolucent: Command, arguments: tuple[str, ...]) -> None:
    assert radiolucent("keys", "create", *arguments).returncode == 2


def test_without_a_scope_it_may_read(radiolucent: Command) -> None:
    radiolucent("keys", "create", "viewer")
    assert "user/ImagingStudy.rs" in radiolucent("keys", "list").stdout
