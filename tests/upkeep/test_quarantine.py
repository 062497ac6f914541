"""Damage of every kind is found, never served, and healed: by storing again, by restoring the bytes, or from what is sound."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.dicomweb.media_types import DICOM, OCTET_STREAM
from app.errors import Corrupt, Missing
from app.model import Access, Caller, InstanceRecord, Target
from app.ports import Archive
from app.settings import Settings
from app.studies.answers import Representation, Wanted
from app.studies.background import House, scrub_once
from app.studies.frames import retrieve_frames
from app.studies.inspection import Finding, Problem
from app.studies.retrieve import retrieve
from app.studies.verify import repair, verify
from tests.builders import instance, study
from tests.upkeep.conftest import Storing
from tests.upkeep.test_failing import in_use, sent
from tests.upkeep.test_reindex import everything

CALLER = Caller("test")
PART10 = Wanted(accept=f"{DICOM}; transfer-syntax=*")
ALL_PARTS = Wanted(accept=f'multipart/related; type="{DICOM}"; transfer-syntax=*')
HOUSE = House(kept=0, rate=10**9)


def file_of(settings: Settings, record: InstanceRecord) -> Path:
    return settings.data_dir / "blobs" / record.blob.key


def flip(path: Path, at: int = -1) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


async def read(answer: Representation) -> list[bytes]:
    return [b"".join([chunk async for chunk in part.body()]) for part in answer.parts]


async def _gather(answer: Representation, into: list[bytes]) -> None:
    async for chunk in answer.parts[0].body():
        into.append(chunk)  # noqa: PERF401  # what comes before it breaks off counts


async def found(archive: Archive) -> list[Finding]:
    return [item async for item in verify(archive, digests=True, grace=0) if isinstance(item, Finding)]


def problems(findings: list[Finding]) -> list[tuple[Problem, str]]:
    return [(finding.problem, finding.key) for finding in findings]


@pytest.mark.parametrize("size", [10, 1200], ids=["small", "of many chunks"])
async def test_a_flipped_bit_is_found_on_the_way_out_and_nobody_gets_a_whole_answer(
    archive: Archive, settings: Settings, storing: Storing, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    record = await storing(archive, instance(rows=size, columns=size, patient_name="Secret^Name"))
    flip(file_of(settings, record))
    answer = await retrieve(archive, CALLER, record.target, PART10)
    got: list[bytes] = []
    with pytest.raises(Corrupt):
        await _gather(answer, got)
    assert sum(map(len, got)) < record.blob.size
    assert [line.levelno for line in caplog.records] == [logging.ERROR]
    assert record.instance_uid in caplog.text
    assert "Secret" not in caplog.text
    # From now on it is kept back, in part as well.
    with pytest.raises(Corrupt, match="kept back"):
        await retrieve(archive, CALLER, record.target, PART10)
    with pytest.raises(Corrupt, match="kept back"):
        await retrieve_frames(archive, CALLER, record.target, [1], Wanted(accept=f"{OCTET_STREAM}; transfer-syntax=*"))


async def test_scrubbing_finds_it_first_and_the_rest_of_the_study_is_served_with_a_notice(
    archive: Archive, settings: Settings, storing: Storing
) -> None:
    contents = study(series=1, instances=5)
    records = [await storing(archive, content) for content in contents]
    flip(file_of(settings, records[2]), 600)
    assert await scrub_once(archive, HOUSE) == 5
    assert [record.target for record in await archive.upkeep.quarantined()] == [records[2].target]
    answer = await retrieve(archive, CALLER, Target(records[0].study_uid), ALL_PARTS)
    assert answer.damaged == 1
    assert await read(answer) == [content for n, content in enumerate(contents) if n != 2]
    assert await scrub_once(archive, HOUSE) == 0, "it rests after a round"


async def test_storing_the_instance_again_heals_it(archive: Archive, settings: Settings, storing: Storing) -> None:
    content = instance()
    record = await storing(archive, content)
    flip(file_of(settings, record))
    await scrub_once(archive, HOUSE)
    assert len((await sent(archive, content)).stored) == 1
    assert await read(await retrieve(archive, CALLER, record.target, PART10)) == [content]
    assert len(await in_use(archive)) == 1
    assert await found(archive) == []


async def test_storing_it_again_heals_also_what_nobody_knew_to_be_missing(archive: Archive, settings: Settings, storing: Storing) -> None:
    contents = study(series=1, instances=3)
    records = [await storing(archive, content) for content in contents]
    file_of(settings, records[1]).unlink()
    with pytest.raises(Missing):
        await read(await retrieve(archive, CALLER, records[1].target, PART10))
    assert len((await sent(archive, *contents)).stored) == 3
    assert await read(await retrieve(archive, CALLER, records[1].target, PART10)) == [contents[1]]
    assert await found(archive) == []


async def test_bytes_that_are_back_from_a_backup_are_given_free_again(archive: Archive, settings: Settings, storing: Storing) -> None:
    content = instance()
    record = await storing(archive, content)
    flip(file_of(settings, record))
    findings = await found(archive)
    assert problems(findings) == [(Problem.DAMAGED, record.blob.key)]
    await repair(archive, findings)
    assert len(await archive.upkeep.quarantined()) == 1
    await repair(archive, [])
    assert len(await archive.upkeep.quarantined()) == 1, "it is still damaged"
    file_of(settings, record).write_bytes(content)
    await repair(archive, [])
    assert await read(await retrieve(archive, CALLER, record.target, PART10)) == [content]


async def test_a_flipped_bit_in_a_web_form_is_found_and_made_anew(archive: Archive, settings: Settings, storing: Storing) -> None:
    record = await storing(archive, instance(transfer_syntax=ExplicitVRBigEndian, rows=20, columns=20))
    path = settings.data_dir / "blobs" / record.form.key
    before = path.read_bytes()
    flip(path)
    findings = await found(archive)
    assert problems(findings) == [(Problem.DAMAGED, record.form.key)]
    await repair(archive, findings)
    assert path.read_bytes() == before
    assert await found(archive) == []


WRONG = {
    "a column": "UPDATE instance SET rows = 99",
    "a ready answer": "UPDATE instance SET ready = replace(ready, 'CT', 'MR')",
    "a transfer syntax": "UPDATE instance SET transfer_syntax = '1.2.3'",
    "a frame table": "UPDATE instance_document SET frames = x'00'",
    "the metadata": "UPDATE instance_document SET metadata = x'00'",
    "a value": "UPDATE attribute_value SET value = 'X' WHERE level = (SELECT max(level) FROM attribute_value)",
    "values that are gone": "DELETE FROM attribute_value WHERE level = (SELECT max(level) FROM attribute_value)",
    "counts": "UPDATE study SET instances = 7",
    "a ready answer of a study": "UPDATE study SET ready = '{}'",
    "counts of a series": "UPDATE series SET instances = 3",
    "classes": "UPDATE study SET classes = '1.2.3'",
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_row_that_says_something_else_than_its_bytes_is_found_and_written_anew(
    archive: Archive, settings: Settings, storing: Storing, what: str
) -> None:
    records = [await storing(archive, content) for content in study(series=1, instances=2, ImageType=["ORIGINAL", "PRIMARY"])]
    before = await everything(archive)
    with sqlite3.connect(settings.data_dir / "index.sqlite3") as database:
        changed = database.execute(WRONG[what]).rowcount
    database.close()
    assert changed
    findings = await found(archive)
    assert {finding.problem for finding in findings} == {Problem.WRONG}
    assert {finding.target.study for finding in findings if finding.target} == {records[0].study_uid}
    await repair(archive, findings)
    assert await found(archive) == []
    assert await everything(archive) == before


async def test_nothing_is_quarantined_while_a_volume_is_away(archive: Archive, settings: Settings, storing: Storing) -> None:
    records = [await storing(archive, content) for content in study(series=1, instances=3)]
    place = settings.data_dir / "blobs" / "instances"
    place.rename(place.with_name("elsewhere"))
    await scrub_once(archive, HOUSE)
    assert await archive.upkeep.quarantined() == []
    place.with_name("elsewhere").rename(place)
    assert len(await read(await retrieve(archive, CALLER, Target(records[0].study_uid), ALL_PARTS))) == 3
    assert [record.quarantined async for record in archive.index.locate(Target(), access=Access())] == [False] * 3
