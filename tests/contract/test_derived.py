"""The caches of derived forms: in memory, and on the local disk with what only a disk can do."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.storage import derived_files
from app.storage.derived import LocalDerived
from app.storage.memory import MemoryDerived
from tests.contract.derived import KEY, OTHER, ROOMY, DerivedContract, Kept, Maker, Opened, settled


class TestMemoryDerived(DerivedContract):
    @pytest.fixture
    async def caches(self) -> AsyncIterator[list[MemoryDerived]]:
        made: list[MemoryDerived] = []
        yield made
        for cache in made:
            await cache.close()

    @pytest.fixture
    def opened(self, caches: list[MemoryDerived], stored: set[str]) -> Opened:
        async def exists(key: str) -> bool:
            return key in stored

        def make(most: int) -> MemoryDerived:
            caches.append(MemoryDerived(most, exists))
            return caches[-1]

        return make

    @pytest.fixture
    def kept(self, caches: list[MemoryDerived]) -> Kept:
        return lambda: sum(len(body) for cache in caches for body in cache._bodies.values())


class TestLocalDerived(DerivedContract):
    @pytest.fixture
    async def caches(self) -> AsyncIterator[list[LocalDerived]]:
        made: list[LocalDerived] = []
        yield made
        for cache in made:
            await cache.close()

    @pytest.fixture
    def opened(self, tmp_path: Path, caches: list[LocalDerived], stored: set[str]) -> Opened:
        async def exists(key: str) -> bool:
            return key in stored

        def make(most: int) -> LocalDerived:
            caches.append(LocalDerived(tmp_path / "derived", most, exists))
            return caches[-1]

        return make

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return lambda: sum(size_of(path) for path in files(tmp_path))

    async def test_another_process_finds_it(self, opened: Opened) -> None:
        never = Maker()
        await opened(ROOMY).made(KEY, "a", Maker())
        assert await opened(ROOMY).made(KEY, "a", never) == b"made"
        assert never.calls == 0

    async def test_another_process_forgets_it(self, opened: Opened, kept: Kept) -> None:
        await opened(ROOMY).made(KEY, "a", Maker())
        await opened(0).forget([KEY])
        assert kept() == 0

    async def test_a_deletion_in_another_process_just_after_it_was_put_in_place(
        self, opened: Opened, kept: Kept, stored: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put = os.replace

        def replace(source: Path, target: Path) -> None:
            put(source, target)
            stored.discard(KEY)  # the other process has deleted the blob, and has yet to forget what was derived of it

        monkeypatch.setattr(os, "replace", replace)
        assert await opened(ROOMY).made(KEY, "a", Maker()) == b"made"
        assert kept() == 0

    @pytest.mark.parametrize("damage", ["cut", "emptied", "longer", "spoilt", "head", "swapped"])
    async def test_a_damaged_file_is_made_anew(self, opened: Opened, tmp_path: Path, damage: str) -> None:
        derived, make = opened(ROOMY), Maker(bytes(range(200)))
        await derived.made(KEY, "a", make)
        (path,) = files(tmp_path)
        whole = path.read_bytes()
        if damage == "swapped":
            await derived.made(OTHER, "a", Maker(b"another's"))
            (other,) = set(files(tmp_path)) - {path}
            spoilt = other.read_bytes()
        else:
            spoilt = {
                "cut": whole[:-1],
                "emptied": b"",
                "longer": whole + b"\0",
                "spoilt": whole[:-1] + bytes([whole[-1] ^ 1]),
                "head": b"\0" + whole[1:],
            }[damage]
        path.write_bytes(spoilt)
        assert [await derived.made(KEY, "a", make) for _ in range(2)] == [make.body] * 2
        assert make.calls == 2

    @pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO, errno.EACCES])
    async def test_where_nothing_can_be_written_nothing_is_kept(
        self, opened: Opened, kept: Kept, monkeypatch: pytest.MonkeyPatch, reason: int
    ) -> None:
        def full(file: int, data: bytes) -> None:
            os.write(file, data[:10])
            raise OSError(reason, "no")

        monkeypatch.setattr(derived_files, "write_all", full)
        derived, make = opened(ROOMY), Maker()
        assert [await derived.made(KEY, "a", make) for _ in range(2)] == [b"made"] * 2
        assert make.calls == 2
        assert kept() == 0

    async def test_where_nothing_can_be_read_it_is_made_anew(self, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
        derived, make = opened(ROOMY), Maker()
        await derived.made(KEY, "a", make)

        def broken(*_: object) -> bytes:
            raise OSError(errno.EIO, "bad sector")

        monkeypatch.setattr(os, "pread", broken)
        assert await derived.made(KEY, "a", make) == b"made"
        assert make.calls == 2

    async def test_what_cannot_be_forgotten_is_told(self, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
        derived = opened(ROOMY)
        await derived.made(KEY, "a", Maker())

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "no")

        monkeypatch.setattr(Path, "unlink", refused)
        with pytest.raises(Unavailable):
            await derived.forget([KEY])

    async def test_a_smaller_bound_holds_from_the_start_on(self, opened: Opened, kept: Kept, caches: list[LocalDerived]) -> None:
        derived = opened(ROOMY)
        for number in range(20):
            await derived.made(KEY, f"{number}", Maker(bytes(4000)))
        assert kept() > 8 * 4096
        opened(8 * 4096)
        caches[-1].trim()
        await settled(lambda: kept() <= 8 * 4096)
        opened(0)
        caches[-1].trim()
        await settled(lambda: kept() == 0)

    async def test_several_processes_keep_the_bound_together(self, opened: Opened, kept: Kept) -> None:
        most = 64 * 4096
        caches = [opened(most) for _ in range(4)]
        for number in range(100):
            await asyncio.gather(*(cache.made(KEY, f"{place} {number}", Maker(bytes(4000))) for place, cache in enumerate(caches)))
            await settled(lambda: kept() <= most * (1 + 4 / 16))

    async def test_what_a_crash_left_goes_and_what_is_being_written_stays(
        self, opened: Opened, tmp_path: Path, caches: list[LocalDerived]
    ) -> None:
        opened(ROOMY)
        temporary = tmp_path / "derived" / "tmp"
        temporary.mkdir(parents=True)
        old, new = temporary / "0123456789abcdef", temporary / "1123456789abcdef"
        old.write_bytes(b"x")
        new.write_bytes(b"x")
        os.utime(old, (1, 1))
        caches[-1].trim()
        await settled(lambda: not old.exists())
        assert new.exists()

    async def test_only_this_service_may_read_it_and_no_path_tells_what_it_is(self, opened: Opened, tmp_path: Path) -> None:
        await opened(ROOMY).made(KEY, "../../outside 1.2.3", Maker())
        everything = [tmp_path / "derived", *(tmp_path / "derived").rglob("*")]
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in everything} == {0}
        assert all("1.2.3" not in str(path.relative_to(tmp_path)) for path in everything)
        assert [path for path in tmp_path.rglob("*") if (tmp_path / "derived") not in (path, *path.parents)] == []


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "derived").rglob("*") if path.is_file()]


def size_of(path: Path) -> int:
    """0 for a file that was removed just now."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
