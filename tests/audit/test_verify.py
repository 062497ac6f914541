"""Whatever is done to the trail afterwards is found: records edited, taken out, moved, repeated, made up, and an end that was cut off."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit import trail
from app.audit.chain import Chain, encoded
from app.audit.heads import Heads
from app.audit.keys import Keys, key_name, open_keys, read_public
from app.audit.sinks import FailOpen, FileSink, heads_path
from app.audit.verify import Report, verify
from app.errors import Unavailable
from tests.contract.audit_sink import an_entry

NOW = 1769847300.0


def keys_of(path: Path) -> Keys:
    return open_keys(path.with_name("audit.key"))


async def written(path: Path, count: int, *, close: bool = True, first: int = 0, now: float = NOW) -> FileSink:
    sink = FileSink(path, lambda: now)
    for number in range(first, first + count):
        await sink.record(an_entry(str(number)))
    if close:
        await sink.close()
    return sink


def checked(path: Path, kept_since: str = "", report: Report | None = None) -> list[tuple[str, str]]:
    public = read_public(path.with_name("audit.pub"))
    lines = (line for file in trail.files(path) for line in trail.lines(file))
    heads = heads_path(path).read_bytes().splitlines(keepends=True)
    found = verify(lines, heads, {key_name(public): public}, report or Report(), kept_since)
    return [(finding.kind, finding.where) for finding in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def test_what_was_written_is_whole(path: Path) -> None:
    await written(path, 5)
    await written(path, 3)
    report = Report()
    assert checked(path, report=report) == []
    assert (report.records, report.heads, report.writers, report.notes) == (8, 4, 2, [])


Change = Callable[[list[bytes]], list[bytes]]


def edited(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"subject":"ann"', b'"subject":"bob"') if number == 2 else line for number, line in enumerate(lines)]


def forged(lines: list[bytes]) -> list[bytes]:
    """Edited, with all hashes from there on made anew: only what was signed gives it away."""
    records = [json.loads(line) for line in edited(lines)]
    chain = Chain(records[0]["writer"], 0, records[0]["previous"])
    made = []
    for record in records:
        line, digest = chain.next(
            encoded({name: record[name] for name in record if name not in ("writer", "sequence", "previous", "hash")})
        )
        chain.advance(digest)
        made.append(line)
    return made


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (edited, ["edited"]),
        (forged, ["edited"]),
        (lambda lines: lines[:2] + lines[3:], ["removed"]),
        (lambda lines: lines[1:], ["removed"]),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], ["reordered"]),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], ["repeated"]),
        (lambda lines: lines[:-1], ["truncated"]),
        (lambda lines: [], ["truncated"]),
        (lambda lines: [*lines[:2], lines[2].replace(b'"sequence":3', b'"sequence":4'), *lines[3:]], ["edited", "removed", "repeated"]),
        (lambda lines: [*lines, b'{"time":"2026-01-31T08:15:00.123Z","action":"retrieve"}\n'], ["foreign"]),
        (lambda lines: [*lines, *forged([line.replace(b'"writer":"', b'"writer":"0') for line in lines])], ["foreign"]),
        (lambda lines: [*lines[:2], b"garbage\n", *lines[3:]], ["removed"]),
    ],
)
async def test_what_is_done_to_records_is_found(path: Path, change: Change, kinds: list[str]) -> None:
    await written(path, 6)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    assert sorted({kind for kind, _ in checked(path)}) == kinds


async def test_the_record_is_named_by_file_and_line(path: Path) -> None:
    await written(path, 6)
    path.write_bytes(b"".join(edited(path.read_bytes().splitlines(keepends=True))))
    assert ("edited", "audit.jsonl:3") in checked(path)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda lines: [lines[0].replace(b'"kind":"begin"', b'"kind":"mark"'), *lines[1:]], ["edited", "foreign"]),
        (lambda lines: [lines[0], *lines[2:]], ["removed"]),
        (lambda lines: lines[1:], ["foreign", "removed"]),
        (lambda lines: lines[:2], ["foreign"]),
        (lambda lines: [lines[1], lines[0], *lines[2:]], ["edited", "removed"]),
    ],
)
async def test_what_is_done_to_heads_is_found(path: Path, change: Change, kinds: list[str]) -> None:
    await written(path, 2)
    await written(path, 2)
    heads = heads_path(path)
    heads.write_bytes(b"".join(change(heads.read_bytes().splitlines(keepends=True))))
    assert set(kinds) <= {kind for kind, _ in checked(path)}


async def test_a_head_signed_with_another_key_does_not_count(path: Path, tmp_path: Path) -> None:
    await written(path, 2)
    (tmp_path / "elsewhere").mkdir()
    other = open_keys(tmp_path / "elsewhere" / "audit.key")
    Heads(heads_path(path)).append(other, "mark", Chain("0" * 16, 1, "0" * 64), NOW)
    assert ("unsigned", "head 3") in checked(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_byte_of_a_signed_trail_can_be_changed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("trail") / "audit.jsonl"
    asyncio.run(written(path, 3))
    place = data.draw(st.sampled_from([path, heads_path(path)]))
    whole = bytearray(place.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    ends = whole[at] in b"\r\n" or new in b"\r\n\x1a\x1c\x1d\x1e\x85"
    whole[at] = new
    place.write_bytes(bytes(whole))
    if not ends:  # blanks between lines say nothing
        assert checked(path) != []


async def test_several_writers_in_one_file_have_a_chain_each(path: Path, root: Path) -> None:
    writer = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom tests.audit.test_verify import written\n"
        "asyncio.run(written(Path(sys.argv[1]), 300))"
    )
    running = [subprocess.Popen([sys.executable, "-c", writer, str(path)], cwd=root) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    report = Report()
    assert checked(path, report=report) == []
    assert (report.records, report.writers, report.heads) == (900, 3, 6)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:450] + lines[451:]))
    assert [kind for kind, _ in checked(path)] == ["removed"]


async def test_rotated_and_compressed_files_belong_to_it(path: Path) -> None:
    sink = await written(path, 3, close=False)
    path.rename(path.with_name("audit.jsonl.2"))
    later = await written(path, 3, first=3, close=False, now=NOW + 60)
    path.rename(path.with_name("audit.jsonl-20260131"))
    await later.record(an_entry("6"))
    await sink.close()
    await later.close()
    assert checked(path) == []
    second = path.with_name("audit.jsonl.2")
    with gzip.open(path.with_name("audit.jsonl.2.gz"), "wb") as file:
        file.write(second.read_bytes())
    second.unlink()
    assert checked(path) == []
    assert [record["outcome"] for record in trail.records(path)] == [str(number) for number in range(7)]
    path.with_name("audit.jsonl.2.gz").unlink()
    assert [kind for kind, _ in checked(path)] == ["truncated"]
    assert checked(path, kept_since="2026-01-31T08:15:30.000Z") == []


async def test_a_writer_that_was_killed_leaves_a_note(path: Path) -> None:
    await written(path, 3, close=False)
    report = Report()
    assert checked(path, report=report) == []
    assert ["records 1 to 3 are" in note for note in report.notes] == [True]


async def test_heads_are_signed_from_time_to_time(path: Path) -> None:
    sink = FileSink(path, lambda: NOW, seconds=0.02)
    await sink.record(an_entry("0"))
    for _ in range(200):
        await asyncio.sleep(0.02)
        if len(heads_path(path).read_bytes().splitlines()) == 2:
            break
    mark = json.loads(heads_path(path).read_bytes().splitlines()[1])
    assert (mark["kind"], mark["sequence"]) == ("mark", 1)
    path.write_bytes(b"")
    assert [kind for kind, _ in checked(path)] == ["truncated"]
    await sink.close()


async def test_records_from_before_there_were_chains_are_told_of(path: Path) -> None:
    path.write_text('{"time":"2025-01-31T08:15:00.123Z","action":"retrieve","outcome":"success"}\n')
    await written(path, 1)
    report = Report()
    assert checked(path, report=report) == []
    assert report.notes == ["1 records from before records were chained"]


async def test_the_key_is_for_the_service_alone(path: Path) -> None:
    sink = await written(path, 1)
    key = path.with_name("audit.key")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o640)
    with pytest.raises(Unavailable, match="can be read by others"):
        await FileSink(path, lambda: NOW).record(an_entry())
    await sink.close()


async def test_when_the_trail_fails_open_what_is_lost_is_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink = FailOpen(FileSink(path, lambda: NOW))
    await sink.record(an_entry("one"))
    path.unlink()
    path.mkdir()
    await sink.record(an_entry("two"))
    await sink.record(an_entry("three"))
    assert [record.levelname for record in caplog.records] == ["CRITICAL"] * 2
    path.rmdir()
    await sink.record(an_entry("four"))
    await sink.close()
    assert json.loads(path.read_text())["detail"] == {"lost_before": 2}
