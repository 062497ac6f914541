"""An index built from the blobs alone is the index that was lost (spec: D12)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.cli.reindex import received_at as received
from app.dicomweb import query
from app.errors import Conflict
from app.main import build_archive
from app.model import BASE_MARK, Access, ConflictRule, InstanceRecord, JsonObject, Level, Metadata, Target
from app.ports import Archive
from app.settings import Settings, load_settings
from app.studies.reindex import count, reindex
from app.studies.store import commit
from app.studies.writing import keep
from tests.builders import corpus, dataset, instance, part10, study
from tests.upkeep.conftest import Storing, spoil


async def everything(archive: Archive) -> tuple[list[InstanceRecord], list[Metadata], list[list[JsonObject]]]:
    # A key holds the time of receipt to the millisecond only: compared apart.
    records = [replace(record, received=0) async for record in archive.index.locate(Target(), access=Access())]
    metadata = [item async for item in archive.index.metadata(Target(), access=Access())]
    pages = [await archive.index.search(query.parse([], level=level, target=Target(), wildcards=16), access=Access()) for level in Level]
    return records, metadata, [[parsed(match) for match in page.matches] for page in pages]


def parsed(match: bytes) -> JsonObject:
    """Without the order of names within an object, which means nothing."""
    found: JsonObject = json.loads(match.replace(BASE_MARK, b""))
    return found


async def times(archive: Archive) -> list[float]:
    return [record.received async for record in archive.index.locate(Target(), access=Access())]


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    return load_settings(storage={"data_dir": settings.data_dir}, database={"url": f"sqlite:///{tmp_path}/new.sqlite3"})


async def test_the_new_index_equals_the_lost_one(archive: Archive, settings: Settings, storing: Storing, tmp_path: Path) -> None:
    for content in [*study(series=2, instances=25), *study(series=1, instances=2), instance(PatientName="Zoe")]:
        await storing(archive, content)
    async with build_archive(elsewhere(settings, tmp_path)) as renewed:
        replayed = [item async for item in reindex(renewed, received)]
        assert await count(renewed, received) == len(replayed) == 53
        assert [item for item in replayed if item.refusal] == []
        assert await everything(renewed) == await everything(archive)
        assert await times(renewed) == pytest.approx(await times(archive), abs=0.01)


async def test_a_blob_that_is_no_instance_is_told_and_the_rest_is_indexed(
    archive: Archive, settings: Settings, storing: Storing, tmp_path: Path
) -> None:
    record = await storing(archive, instance())
    bad = archive.new_key()

    async def body() -> AsyncIterator[bytes]:
        yield b"no DICOM at all" * 10

    await archive.blobs.put(bad, body())
    async with build_archive(elsewhere(settings, tmp_path)) as renewed:
        replayed = [item async for item in reindex(renewed, received)]
        assert [item.key for item in replayed if item.refusal] == [bad]
        assert [found.target async for found in renewed.index.locate(Target(), access=Access())] == [record.target]


async def test_an_index_that_is_not_empty_is_left_alone(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    with pytest.raises(Conflict):
        [item async for item in reindex(archive, received)]
    assert await archive.index.unused() == []
    assert (await archive.blobs.stat(record.blob.key)).size == record.blob.size


async def test_a_blob_that_the_disk_cannot_read_is_told_and_the_rest_is_indexed(
    archive: Archive, settings: Settings, storing: Storing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await storing(archive, instance(rows=30, columns=30))
    record = await storing(archive, instance())
    spoil(monkeypatch, bad.blob.size)
    async with build_archive(elsewhere(settings, tmp_path)) as renewed:
        replayed = [item async for item in reindex(renewed, received)]
        assert [item.key for item in replayed if item.refusal] == [bad.blob.key]
        assert [found.target async for found in renewed.index.locate(Target(), access=Access())] == [record.target]


async def test_the_corpus_and_refused_duplicates_give_the_same_index_again(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    for path in corpus():
        await received_by(archive, path.read_bytes())
    first = dataset(PatientName="First")
    await received_by(archive, part10(first))
    await received_by(archive, other(part10(first), "Refused"))
    await received_by(archive, part10(first))
    # A duplicate whose request was cut off before the index heard of it: its bytes are an orphan.
    await received_by(archive, other(part10(first), "Orphan"), indexed=False)
    async with build_archive(elsewhere(settings, tmp_path)) as renewed:
        replayed = [item async for item in reindex(renewed, received)]
        assert [item.refusal for item in replayed if item.refusal] == [
            "Another object with the same SOP Instance UID was received before it"
        ]
        assert await everything(renewed) == await everything(archive)


async def test_replaced_instances_are_what_they_were_last(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    replacing = replace(archive, on_conflict=ConflictRule.REPLACE)
    contents = study(series=2, instances=3)
    for content in [*contents, *(other(content, "Second") for content in contents[::2]), other(contents[0], "Third")]:
        await received_by(replacing, content)
    async with build_archive(elsewhere(settings, tmp_path)) as opened:
        renewed = replace(opened, on_conflict=ConflictRule.REPLACE)
        assert [item async for item in reindex(renewed, received) if item.refusal] == []
        # Not the search answers: a correction overwrote the study's attributes, and no blob says in which order (ADR 0005).
        assert (await everything(renewed))[:2] == (await everything(archive))[:2]


async def test_a_web_sibling_that_is_gone_is_made_anew(archive: Archive, settings: Settings, storing: Storing, tmp_path: Path) -> None:
    record = await storing(archive, instance(transfer_syntax=ExplicitVRBigEndian, rows=20, columns=20))
    before = [chunk async for chunk in archive.blobs.read(record.form.key)]
    await archive.blobs.delete(record.form.key)
    async with build_archive(elsewhere(settings, tmp_path)) as renewed:
        assert [item.refusal async for item in reindex(renewed, received)] == [""]
        assert [chunk async for chunk in renewed.blobs.read(record.form.key)] == before


async def received_by(archive: Archive, content: bytes, *, indexed: bool = True) -> None:
    """As a Store of one part does, whatever becomes of it."""
    spool = archive.spool()
    spool.write(content)
    try:
        outcome = await keep(archive, spool)
    finally:
        spool.close()
    if indexed:
        await commit(archive, [outcome])


def other(content: bytes, name: str) -> bytes:
    """Another object under the same UIDs."""
    made = pydicom.dcmread(BytesIO(content))
    made.PatientName = name
    return part10(made)
