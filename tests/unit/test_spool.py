from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.dicom.elements import Source
from app.errors import Unavailable
from app.ports import Spool
from app.storage.spool import FileSpool, spools

MIB = 1024 * 1024


def test_a_spool_is_a_spool_and_a_source(tmp_path: Path) -> None:
    spool: Spool = FileSpool(tmp_path)
    source: Source = spool
    assert source.size == 0
    assert source.read(0, 10) == b""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(st.binary(max_size=40), max_size=8), memory=st.integers(0, 100), offset=st.integers(0, 350), length=st.integers(0, 350)
)
def test_what_was_written_is_read_wherever_it_lies(tmp_path: Path, chunks: list[bytes], memory: int, offset: int, length: int) -> None:
    spool, data = FileSpool(tmp_path, memory), b"".join(chunks)
    for chunk in chunks:
        spool.write(chunk)
    assert spool.size == len(data)
    assert spool.digest == hashlib.sha256(data).hexdigest()
    assert spool.read(offset, length) == data[offset : offset + length]
    assert (spool.path() is None) == (len(data) <= memory)
    spool.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("memory", [10 * MIB, 0])
async def test_the_body_comes_in_chunks_of_a_mebibyte(tmp_path: Path, memory: int) -> None:
    spool, data = FileSpool(tmp_path, memory), os.urandom(2 * MIB + 5)
    spool.write(data)
    parts = [chunk async for chunk in spool.body()]
    assert [len(part) for part in parts] == [MIB, MIB, 5]
    assert b"".join(parts) == data
    assert b"".join([chunk async for chunk in spool.body()]) == data
    spool.close()


async def test_an_empty_spool_has_an_empty_body(tmp_path: Path) -> None:
    assert [chunk async for chunk in FileSpool(tmp_path).body()] == []


def test_a_small_instance_makes_no_file_and_a_large_one_makes_one_of_its_own(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path / "new", memory=10)
    spool.write(b"0123456789")
    assert spool.path() is None
    spool.write(b"x")
    path = spool.path()
    assert path is not None
    assert path.parent == tmp_path / "new"
    assert path.read_bytes() == b"0123456789x"
    assert path.stat().st_mode & 0o777 == 0o600
    spool.close()


def test_closing_twice_is_fine_and_a_closed_spool_gives_nothing(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, memory=0)
    spool.write(b"abc")
    spool.close()
    spool.close()
    with pytest.raises(ValueError):
        spool.read(0, 1)
    with pytest.raises(ValueError):
        spool.write(b"d")
    assert list(tmp_path.iterdir()) == []


def test_closing_is_fine_when_the_file_was_taken_over(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, memory=0)
    spool.write(b"abc")
    path = spool.path()
    assert path is not None
    path.rename(tmp_path / "adopted")
    assert spool.read(1, 2) == b"bc"
    spool.close()
    assert (tmp_path / "adopted").read_bytes() == b"abc"


def test_a_negative_place_is_a_value_error(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)
    spool.write(b"abc")
    for offset, length in ((-1, 1), (0, -1)):
        with pytest.raises(ValueError):
            spool.read(offset, length)


@pytest.mark.parametrize("memory", [MIB, 0])
def test_threads_read_at_once(tmp_path: Path, memory: int) -> None:
    spool, data = FileSpool(tmp_path, memory), os.urandom(100_000)
    spool.write(data)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda offset: spool.read(offset, 1000), range(0, 100_000, 1000)))
    assert b"".join(parts) == data
    spool.close()


def test_a_full_disk_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = FileSpool(tmp_path, memory=0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(Unavailable, match="full") as error:
            spool.write(b"abc")
    assert str(tmp_path) not in error.value.detail
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_maker_of_spools_makes_separate_ones(tmp_path: Path) -> None:
    new = spools(tmp_path, memory=1)
    one, two = new(), new()
    one.write(b"one")
    two.write(b"two")
    assert (one.read(0, 9), two.read(0, 9)) == (b"one", b"two")
    one.close()
    assert two.read(0, 9) == b"two"
    two.close()


def test_without_a_folder_the_system_s_own_is_used() -> None:
    spool = spools(memory=0)()
    spool.write(b"abc")
    path = spool.path()
    assert path is not None
    assert path.exists()
    spool.close()
    assert not path.exists()


class SlowFolder(type(Path())):  # type: ignore[misc]  # the class that Path makes on this system
    """A folder whose making takes until the test says so."""

    entered: threading.Event
    go_on: threading.Event

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        self.entered.set()
        assert self.go_on.wait(10)
        super().mkdir(mode, parents, exist_ok)


def test_closing_waits_for_a_thread_that_still_writes_and_leaves_nothing(tmp_path: Path) -> None:
    folder = SlowFolder(tmp_path / "spools")
    folder.entered, folder.go_on = threading.Event(), threading.Event()
    spool = FileSpool(folder, 10)
    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(spool.write, bytes(100))
        assert folder.entered.wait(10)
        closing = pool.submit(spool.close)
        time.sleep(0.05)
        assert not closing.done()
        folder.go_on.set()
        writing.result(10)
        closing.result(10)
    assert list((tmp_path / "spools").iterdir()) == []
