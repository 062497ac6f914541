"""What fails in the middle of a Store hits what it hits and no more: nothing promised is lost, nothing is left that could be taken away."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.cli.intake import Told, into_archive
from app.cli.sources import find
from app.dicomweb.multipart import boundary_of
from app.dicomweb.store_report import FailureReason
from app.errors import InsufficientStorage, InvalidMultipart, Unavailable
from app.main import build_archive
from app.model import Access, Blob, Caller, Target
from app.ports import Archive
from app.settings import Settings, load_settings
from app.storage.local import LocalStore
from app.storage.spool import spools
from app.studies.inspection import Finding, Problem
from app.studies.store import StoreAnswer, StoreRequest, store
from app.studies.verify import verify
from tests.builders import instance, multipart

CALLER = Caller("test")
MIB = 1024 * 1024


class AwayStore(LocalStore):
    """Files on a volume that comes and goes: the n-th put fails, and while it is `away` no delete works."""

    def __init__(self, root: Path, failing_put: int = 0) -> None:
        super().__init__(root)
        self.failing_put = failing_put
        self.away = True

    async def put_unsettled(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        self.failing_put -= 1
        if self.failing_put == 0:
            raise Unavailable("The volume is away.")
        return await super().put_unsettled(key, body)

    async def adopt_unsettled(self, key: str, path: Path) -> Blob | None:
        return None

    async def delete(self, key: str) -> None:
        if self.away:
            raise Unavailable("The volume is away.")
        await super().delete(key)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as on a disk that is almost full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def sent(archive: Archive, *instances: bytes, whole: bool = True) -> StoreAnswer:
    body, content_type = multipart(instances)
    return await store(archive, CALLER, StoreRequest(boundary_of(content_type), chunks(body if whole else body[:-20])))


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 700):
        yield body[start : start + 700]
        await asyncio.sleep(0)


async def blobs(archive: Archive) -> set[str]:
    return {blob.key async for blob in archive.blobs.list("")}


async def in_use(archive: Archive) -> set[str]:
    return {key async for record in archive.index.locate(Target(), access=Access()) for key in (record.blob.key, record.form.key)}


def waiting(settings: Settings) -> list[str]:
    folder = settings.data_dir / "blobs" / "tmp"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_s21_an_instance_that_the_disk_cannot_take_fails_alone(tmp_path: Path) -> None:
    settings = load_settings(storage={"data_dir": tmp_path / "data", "spool_memory": 64 * MIB})
    async with build_archive(settings) as archive:
        with largest_file(4 * MIB):
            answer = await sent(archive, instance(), instance(rows=2000, columns=1500), instance())
        assert len(answer.stored) == 2
        assert [failed.reason for failed in answer.failed] == [FailureReason.OUT_OF_RESOURCES]
        assert await blobs(archive) == await in_use(archive)
        assert waiting(settings) == []


async def test_an_instance_fails_alone_though_its_remains_cannot_be_removed(archive: Archive, settings: Settings) -> None:
    away = replace(archive, blobs=AwayStore(settings.data_dir / "blobs", failing_put=2))
    answer = await sent(away, instance(), instance(), instance())
    await away.blobs.close()
    assert len(answer.stored) == 2
    assert [failed.reason for failed in answer.failed] == [FailureReason.OUT_OF_RESOURCES]


async def test_a_body_that_breaks_off_is_told_as_such_though_the_store_is_away(archive: Archive, settings: Settings) -> None:
    away = replace(archive, blobs=AwayStore(settings.data_dir / "blobs"))
    with pytest.raises(InvalidMultipart):
        await sent(away, instance(), instance(), whole=False)
    await away.blobs.close()
    assert await in_use(archive) == set()
    found = [item async for item in verify(archive, digests=False, grace=0)]
    assert {item.problem for item in found if isinstance(item, Finding)} == {Problem.ORPHAN}


async def test_bytes_stay_when_the_index_fails_for_its_commit_may_have_happened(archive: Archive, settings: Settings) -> None:
    database = sqlite3.connect(settings.data_dir / "index.sqlite3")
    database.execute("ALTER TABLE change RENAME TO away")
    with pytest.raises(Unavailable):
        await sent(archive, instance(), instance())
    assert len(await blobs(archive)) == 2
    assert await in_use(archive) == set()
    database.execute("ALTER TABLE away RENAME TO change")
    database.close()
    assert len((await sent(archive, instance())).stored) == 1


async def test_without_an_audit_record_there_is_no_answer_and_sending_again_makes_no_second_row(
    archive: Archive, settings: Settings
) -> None:
    content = instance()
    settings.audit_path.unlink(missing_ok=True)
    settings.audit_path.mkdir()
    with pytest.raises(Unavailable):
        await sent(archive, content)
    settings.audit_path.rmdir()
    assert len((await sent(archive, content)).stored) == 1
    assert len(await blobs(archive)) == 1
    assert await blobs(archive) == await in_use(archive)


async def test_a_store_that_is_cancelled_at_any_moment_leaves_no_task_no_spool_and_no_blob(archive: Archive, settings: Settings) -> None:
    parts = [instance(transfer_syntax=syntax, rows=40, columns=50) for syntax in ["1.2.840.10008.1.2.1", ExplicitVRBigEndian] * 3]
    for moment in range(60):
        task = asyncio.ensure_future(sent(archive, *parts))
        for _ in range(moment % 30):
            await asyncio.sleep(0)
        await asyncio.sleep(moment / 4000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # A write of the index that had begun runs to its end, and this one comes after it.
        await archive.index.discard(["nothing"])
        assert waiting(settings) == []
        # What lost its row in a commit that was not waited for stands in the list of unused blobs.
        assert await blobs(archive) - set(await archive.index.unused()) == await in_use(archive)


async def test_an_import_that_ends_early_takes_back_its_batch(archive: Archive, tmp_path: Path) -> None:
    place = tmp_path / "waiting"
    place.write_bytes(b"no folder")
    contents = [instance() for _ in range(10)] + [instance(rows=200, columns=200)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.dcm").write_bytes(content)
    sources, _ = find(sorted(tmp_path.glob("*.dcm")), ExitStack())
    told: list[Told] = []
    with pytest.raises(Unavailable):
        await into_archive(replace(archive, spool=spools(place, 20_000)), sources, 2, told.append)
    assert told == []
    assert await blobs(archive) == set()


async def test_a_request_of_which_nothing_fits_on_the_disk_is_insufficient_storage(tmp_path: Path) -> None:
    settings = load_settings(storage={"data_dir": tmp_path / "data", "spool_memory": 64 * MIB, "reserve": 2**60})
    async with build_archive(settings) as archive:
        with pytest.raises(InsufficientStorage):
            await sent(archive, instance(), instance())
        with pytest.raises(InsufficientStorage):
            await archive.blobs.check()
        assert await blobs(archive) == set()


async def test_what_is_wrong_with_an_object_is_told_though_the_disk_is_full(tmp_path: Path) -> None:
    settings = load_settings(storage={"data_dir": tmp_path / "data", "spool_memory": 64 * MIB, "reserve": 2**60})
    async with build_archive(settings) as archive:
        answer = await sent(archive, instance(), b"no DICOM at all")
        assert [failed.reason for failed in answer.failed] == [FailureReason.OUT_OF_RESOURCES, FailureReason.CANNOT_UNDERSTAND]


async def test_nothing_is_left_of_a_request_whose_folder_cannot_be_flushed(archive: Archive, settings: Settings) -> None:
    class Unflushed(LocalStore):
        async def settle(self, keys: Iterable[str]) -> None:
            raise Unavailable("The disk is away")

    store_ = Unflushed(settings.data_dir / "blobs")
    with pytest.raises(Unavailable):
        await sent(replace(archive, blobs=store_), instance(), instance())
    await store_.close()
    assert await blobs(archive) == set()
    assert await in_use(archive) == set()
