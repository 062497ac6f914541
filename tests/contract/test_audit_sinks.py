from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.audit.sinks import FileSink, MemorySink
from app.errors import Unavailable
from app.model import Caller
from tests.contract.audit_sink import AuditSinkContract, Recorded, an_entry


def lines(path: Path) -> list[str]:
    return [json.loads(line)["outcome"] for line in path.read_text(encoding="ascii").splitlines()]


class TestMemorySink(AuditSinkContract):
    @pytest.fixture
    def sink(self) -> MemorySink:
        return MemorySink()

    @pytest.fixture
    def recorded(self, sink: MemorySink) -> Recorded:
        return lambda: [entry.outcome for entry in sink.entries]


class TestFileSink(AuditSinkContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "new" / "audit.jsonl"

    @pytest.fixture
    async def sink(self, path: Path) -> AsyncIterator[FileSink]:
        sink = FileSink(path, lambda: 1769847300.1234)
        yield sink
        await sink.close()

    @pytest.fixture
    def recorded(self, path: Path) -> Recorded:
        return lambda: lines(path)

    async def test_a_line_says_who_did_what_to_which_uids_when_and_how_it_ended(self, sink: FileSink, path: Path) -> None:
        ann = Caller(
            "ann",
            "user",
            "127.0.0.1",
            "r-1",
            issuer="https://login.example.org",
            tenant="north",
            organisation="North Hospital",
            roles=frozenset({"reader", "physician"}),
            purposes=frozenset({"TREAT", "ETREAT"}),
            scopes=frozenset({"user/ImagingStudy.rs"}),
        )
        await sink.record(replace(an_entry("success", query="limit=5"), caller=ann))
        found = json.loads(path.read_text())
        assert {name: found.pop(name) for name in ("writer", "sequence", "previous", "hash")}["sequence"] == 1
        assert found == {
            "time": "2026-01-31T08:15:00.123Z",
            "subject": "ann",
            "issuer": "https://login.example.org",
            "kind": "user",
            "key": "",
            "organisation": "North Hospital",
            "tenant": "north",
            "roles": ["physician", "reader"],
            "purposes": ["ETREAT", "TREAT"],
            "address": "127.0.0.1",
            "action": "retrieve",
            "study": "1.2",
            "series": "1.2.3",
            "instance": None,
            "patients": [],
            "outcome": "success",
            "request_id": "r-1",
            "detail": {"query": "limit=5"},
        }

    async def test_the_file_is_for_the_service_alone(self, sink: FileSink, path: Path) -> None:
        await sink.check()
        assert path.stat().st_mode & 0o777 == 0o600

    async def test_what_was_there_stays(self, sink: FileSink, path: Path) -> None:
        path.parent.mkdir()
        path.write_text('{"outcome":"old"}\n')
        await sink.record(an_entry("new"))
        assert lines(path) == ["old", "new"]

    async def test_a_rotated_file_is_followed_by_a_new_one(self, sink: FileSink, path: Path) -> None:
        await sink.record(an_entry("one"))
        path.rename(path.with_suffix(".1"))
        await sink.record(an_entry("two"))
        assert lines(path.with_suffix(".1")) == ["one"]
        assert lines(path) == ["two"]

    async def test_a_trail_that_cannot_be_opened_is_unavailable_without_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file")
        sink = FileSink(tmp_path / "taken" / "audit.jsonl", lambda: 0.0)
        with pytest.raises(Unavailable, match="audit trail cannot be written") as error:
            await sink.record(an_entry())
        assert "taken" not in error.value.detail
        with pytest.raises(Unavailable, match="audit trail"):
            await sink.check()

    async def test_a_full_disk_is_unavailable_and_the_trail_goes_on_after_it(
        self, sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write

        def full(file: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        await sink.record(an_entry("one"))
        for broken in (full, lambda file, data: write(file, data[:20]), full):
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", broken)
                with pytest.raises(Unavailable):
                    await sink.record(an_entry("lost"))
        await sink.record(an_entry("two"))
        kept = path.read_text().splitlines()
        assert len(kept) == 3
        assert [json.loads(line)["outcome"] for line in (kept[0], kept[2])] == ["one", "two"]


WRITER = """
import asyncio, sys
from pathlib import Path
from app.audit.sinks import FileSink
from tests.contract.audit_sink import an_entry

async def main(path, name):
    sink = FileSink(Path(path), lambda: 0.0)
    for number in range(200):
        await sink.record(an_entry(f"{name}{number}", query=name * 5000))

asyncio.run(main(*sys.argv[1:]))
"""


def test_lines_of_several_processes_never_mix(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "audit.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], cwd=root) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert sorted(lines(path)) == sorted(f"{name}{number}" for name in "abc" for number in range(200))
