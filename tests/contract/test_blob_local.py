from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.ports import SupportsAdopt
from app.storage.keys import new_key
from app.storage.local import LocalStore
from app.storage.spool import FileSpool
from tests.contract.blob_store import DATA, MIB, BlobStoreContract, RawKeys, a_key, chunks, counted, listed, whole


class TestLocalStore(BlobStoreContract):
    most_memory = 8 * MIB

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "not" / "yet" / "there"

    @pytest.fixture
    async def store(self, folder: Path) -> AsyncIterator[LocalStore]:
        store = LocalStore(folder)
        yield store
        await store.close()

    @pytest.fixture
    def raw_keys(self, folder: Path) -> RawKeys:
        return lambda: {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    async def test_a_spool_is_adopted_by_rename(self, store: LocalStore) -> None:
        assert isinstance(store, SupportsAdopt)
        spool, key = FileSpool(store.temporary, memory=0), a_key()
        spool.write(DATA)
        path = spool.path()
        assert path is not None
        inode = path.stat().st_ino
        blob = await store.adopt(key, path)
        assert blob == await store.stat(key)
        assert (store._root / key).stat().st_ino == inode
        assert spool.read(0, 10) == DATA[:10]
        spool.close()
        assert await whole(store, key) == DATA

    async def test_an_adopted_spool_replaces_what_was_there(self, store: LocalStore, key: str) -> None:
        path = store.temporary / "spool-1"
        path.write_bytes(b"new")
        await store.adopt(key, path)
        assert await whole(store, key) == b"new"

    async def test_a_file_on_another_file_system_is_not_adopted(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        await store.check()
        path = store.temporary / "spool-1"
        path.write_bytes(DATA)

        def other_device(source: object, target: object) -> None:
            raise OSError(errno.EXDEV, "cross-device link")

        monkeypatch.setattr(os, "replace", other_device)
        assert await store.adopt(a_key(), path) is None
        assert path.read_bytes() == DATA
        path.unlink()

    async def test_no_bad_key_is_adopted(self, store: LocalStore, tmp_path: Path) -> None:
        path = tmp_path / "outside"
        path.write_bytes(b"x")
        with pytest.raises(ValueError):
            await store.adopt("../outside", path)
        assert path.exists()

    async def test_a_blob_deleted_while_it_is_read_is_read_to_its_end(self, store: LocalStore) -> None:
        size, key = 3 * MIB, a_key()
        await store.put(key, counted(size))
        reading = store.read(key)
        first = await anext(reading)
        await store.delete(key)
        assert len(first) + sum([len(chunk) async for chunk in reading]) == size

    async def test_stale_temporary_files_are_swept_and_fresh_ones_stay(self, store: LocalStore, key: str) -> None:
        old, fresh = store.temporary / "put-old", store.temporary / "put-fresh"
        for path, moment in ((old, 1000), (fresh, 5000)):
            path.write_bytes(b"x")
            os.utime(path, (moment, moment))
        assert await store.sweep_temporary(older_than=3000) == 1
        assert not old.exists()
        assert fresh.exists()
        assert await whole(store, key) == DATA
        assert await store.sweep_temporary(older_than=9000) == 1

    async def test_sweeping_a_store_that_was_never_used_is_fine(self, store: LocalStore) -> None:
        assert await store.sweep_temporary(older_than=1e12) == 0

    async def test_blobs_are_for_the_service_alone(self, store: LocalStore, key: str) -> None:
        path = store._root / key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    async def test_a_folder_removed_behind_its_back_is_made_again(self, store: LocalStore) -> None:
        key = new_key(1.7e9)
        await store.put(key, chunks(b"one"))
        await store.delete(key)
        (store._root / key).parent.rmdir()
        await store.put(key, chunks(b"two"))
        assert await whole(store, key) == b"two"

    async def test_a_root_removed_behind_its_back_is_made_again(self, store: LocalStore, folder: Path) -> None:
        await store.delete((await store.put(a_key(), chunks(b"one"))).key)
        shutil.rmtree(folder)
        assert await listed(store) == []
        key = a_key()
        await store.put(key, chunks(b"two"))
        await store.check()
        assert await whole(store, key) == b"two"

    async def test_foreign_files_are_not_listed(self, store: LocalStore, key: str) -> None:
        foreign = (store._root / key).with_name("README")
        foreign.write_text("not a blob")
        stray = store._root / "instances" / "stray"
        stray.write_text("not a folder")
        assert [blob.key for blob in await listed(store)] == [key]
        foreign.unlink()
        stray.unlink()

    @pytest.mark.parametrize("size", [100, 3 * MIB])
    async def test_a_full_disk_is_unavailable_and_leaves_nothing(
        self, store: LocalStore, raw_keys: RawKeys, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        def full(file: int, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(Unavailable, match="full"):
                await store.put(a_key(), counted(size))
            with pytest.raises(Unavailable, match="full"):
                await store.check()
        assert raw_keys() == set()
        await store.check()

    async def test_a_flush_that_fails_is_no_success(self, store: LocalStore, raw_keys: RawKeys, monkeypatch: pytest.MonkeyPatch) -> None:
        await store.check()

        def broken(file: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", broken)
            with pytest.raises(Unavailable):
                await store.put(a_key(), chunks(b"x"))
        assert raw_keys() == set()

    async def test_a_write_that_takes_only_a_part_is_carried_on(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data)[:7]))
        key = a_key()
        await store.put(key, chunks(DATA))
        assert await whole(store, key) == DATA

    async def test_a_read_that_gives_only_a_part_is_carried_on(self, store: LocalStore, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        pread = os.pread
        monkeypatch.setattr(os, "pread", lambda file, length, offset: pread(file, min(length, 1000), offset))
        assert await whole(store, key) == DATA


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The durable steps as they happen: which file or folder was flushed, which name was taken."""
    seen: list[str] = []
    fsync, replace, mkdir = os.fsync, os.replace, Path.mkdir

    def seen_fsync(file: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        seen.append(f"flush {'file' if path.name.startswith(('put-', 'spool-')) else path.name}")
        fsync(file)

    def seen_replace(source: Path, target: Path) -> None:
        seen.append("rename")
        replace(source, target)

    def seen_mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        seen.append(f"make {path.name}")
        mkdir(path, mode, parents, exist_ok)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", seen_fsync)
        patched.setattr(os, "replace", seen_replace)
        patched.setattr(Path, "mkdir", seen_mkdir)
        yield seen


async def test_each_step_is_flushed_before_the_next_and_new_folders_up_to_the_root(tmp_path: Path, calls: list[str]) -> None:
    store = LocalStore(tmp_path / "root")
    key = "instances/018bc/fe5/018bcfe56800-0123456789abcdef"
    await store.put(key, chunks(DATA))
    made = ["make root", f"flush {tmp_path.name}", "make tmp", "flush root"]
    placed = ["make instances", "flush root", "make 018bc", "flush instances", "make fe5", "flush 018bc", "rename", "flush fe5"]
    assert calls == [*made, "flush file", *placed]

    calls.clear()
    await store.put(key, chunks(DATA))
    assert calls == ["flush file", "rename", "flush fe5"]

    calls.clear()
    spool = FileSpool(store.temporary, memory=0)
    spool.write(DATA)
    path = spool.path()
    assert path is not None
    calls.clear()
    await store.adopt(key, path)
    assert calls == ["flush file", "rename", "flush fe5"]
    spool.close()

    calls.clear()
    await store.delete(key)
    assert calls == ["flush fe5"]
    await store.close()


async def test_folders_made_by_another_process_are_flushed_once_more(tmp_path: Path, calls: list[str]) -> None:
    key = "instances/018bc/fe5/018bcfe56800-0123456789abcdef"
    (tmp_path / key).parent.mkdir(parents=True)
    calls.clear()
    store = LocalStore(tmp_path)
    await store.put(key, chunks(b"x"))
    assert calls.index("flush 018bc") < calls.index("rename")
    assert "flush instances" in calls
    await store.close()


async def test_a_store_whose_place_is_taken_by_a_file_is_unavailable_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    store = LocalStore(tmp_path / "taken")
    for call in (store.check, lambda: store.put(a_key(), chunks(b"x"))):
        with pytest.raises(Unavailable) as error:
            await call()
        assert "taken" not in error.value.detail
    assert await listed(store) == []
    await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from app.storage.local import LocalStore

async def main(root, key, letter):
    store = LocalStore(Path(root))
    async def body():
        yield letter.encode() * 300_000
    for _ in range(20):
        await store.put(key, body())
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_write_one_key_and_every_read_is_whole(tmp_path: Path, root: Path) -> None:
    store, key = LocalStore(tmp_path), a_key()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), key, letter], cwd=root) for letter in "ab"]
    await store.put(key, chunks(b"c" * 300_000))
    reads = 0
    while any(writer.poll() is None for writer in writers):
        data = await whole(store, key)
        assert data in (b"a" * 300_000, b"b" * 300_000, b"c" * 300_000)
        reads += 1
        await asyncio.to_thread(os.sched_yield)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert reads > 0
    assert [path.name for path in store.temporary.iterdir()] == []
    await store.close()
