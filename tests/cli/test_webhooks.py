"""`radiolucent webhooks`: added, listed, retried and removed as a person does it, while no server runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.index.snapshot import save
from tests.builders import instance
from tests.cli.test_commands import Command
from tests.services.receiver import receiving

URL = "https://ai.example.org/hook"


@pytest.fixture
def radiolucent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def test_add_list_remove(radiolucent: Command, tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(instance())
    assert radiolucent("import", "one.dcm").returncode == 0
    added = radiolucent("webhooks", "add", "ai", URL, "--kind", "stored", "--kind", "deleted", "--batch", "50")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("secret  whsec_")
    assert radiolucent("webhooks", "add", "research", "http://localhost:9000/", "--after", "0").returncode == 0
    listed = radiolucent("webhooks", "list").stdout
    assert listed.splitlines() == [
        f"ai  {URL}  stored,deleted  at 1 of 1  delivering",
        "research  http://localhost:9000/  all  at 0 of 1  delivering",
    ]
    assert added.stdout.split()[1] not in listed
    again = radiolucent("webhooks", "add", "ai", URL)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert radiolucent("webhooks", "remove", "ai").returncode == 0
    assert radiolucent("webhooks", "list").stdout.startswith("research")
    gone = radiolucent("webhooks", "remove", "ai")
    assert (gone.returncode, "There is no webhook ai" in gone.stderr) == (1, True)
    records = [json.loads(line) for line in (tmp_path / "data" / "audit.jsonl").read_text().splitlines()]
    told = [(record["detail"]["change"], record["outcome"]) for record in records if record["action"] == "administer"]
    assert told == [("added", "success"), ("added", "success"), ("added", "Conflict"), ("removed", "success"), ("removed", "NotFound")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ai", "http://ai.example.org/"), ("ai", "https://me:secret@ai.example.org/"), ("AI", URL), ("a/b", URL),
        ("ai", URL, "--kind", "x"), ("ai", URL, "--batch", "0"), ("ai", URL, "--batch", "501"), ("ai", URL, "--after", "yesterday"),
    ],
)  # fmt: skip
def test_what_cannot_be_added(radiolucent: Command, arguments: tuple[str, ...]) -> None:
    assert radiolucent("webhooks", "add", *arguments).returncode == 2


def test_what_was_given_up_is_listed_and_sent_again(radiolucent: Command, tmp_path: Path) -> None:
    with receiving() as receiver:
        (tmp_path / "one.dcm").write_bytes(instance())
        radiolucent("import", "one.dcm")
        radiolucent("webhooks", "add", "ai", receiver.url)
        with closing(sqlite3.connect(tmp_path / "data" / "index.sqlite3")) as database:
            row = ("ai", 1, 1, 3, 1706696100.0, "answered 400")
            database.execute("INSERT INTO undelivered (webhook, first, last, attempts, since, trouble) VALUES (?, ?, ?, ?, ?, ?)", row)
            database.commit()
        listed = radiolucent("webhooks", "list").stdout.splitlines()
        assert listed[1] == "    not delivered  1  2024-01-31T10:15:00Z  3 attempts, answered 400"
        receiver.answer = lambda _: (500, {})
        refused = radiolucent("webhooks", "retry", "ai")
        assert (refused.returncode, refused.stdout) == (1, "not delivered  1  answered 500\n0 requests delivered\n")
        receiver.answer = lambda _: (200, {})
        done = radiolucent("webhooks", "retry", "ai")
        assert (done.returncode, done.stdout) == (0, "1 requests delivered\n")
        assert receiver.numbers == [1]
        assert len(radiolucent("webhooks", "list").stdout.splitlines()) == 1
    assert radiolucent("webhooks", "retry", "other").returncode == 1


def test_a_backup_holds_no_secret(radiolucent: Command, tmp_path: Path) -> None:
    added = radiolucent("webhooks", "add", "ai", URL)
    secret = added.stdout.split()[1].encode()
    index = tmp_path / "data" / "index.sqlite3"
    save(f"sqlite:///{index}", tmp_path / "copy.sqlite3")
    whole = index.read_bytes() + Path(f"{index}-wal").read_bytes() if Path(f"{index}-wal").exists() else index.read_bytes()
    assert secret in whole, "the secret is where it is looked for"
    assert secret not in (tmp_path / "copy.sqlite3").read_bytes()
