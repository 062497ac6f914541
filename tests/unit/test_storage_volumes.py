"""app.storage.volumes: what `ports.Volumes` promises, on a real folder; and what is done about files that are not what they say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import Unavailable, Unprocessable
from app.ports import VoxelFile
from app.storage import derived_files
from app.storage.derived import LocalDerived
from app.storage.volumes import LocalVolumes

KEYS = ["instances/a", "instances/b", "instances/c"]
ROOMY = 1024 * 1024
VOXELS = bytes(range(256)) * 16


class Builder:
    """Writes `body` into the file and counts how often it was asked; with `gate` it waits for that first."""

    def __init__(self, body: bytes = VOXELS, gate: asyncio.Event | None = None) -> None:
        self.body, self.gate, self.calls = body, gate, 0

    async def __call__(self, file: VoxelFile) -> bytes:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        with file.path.open("r+b") as stream:
            stream.seek(file.offset)
            stream.write(self.body)
        return b'{"least": 0}'


class Maker:
    def __init__(self, body: bytes = b"picture") -> None:
        self.body, self.calls = body, 0

    async def __call__(self) -> bytes:
        self.calls += 1
        return self.body


@pytest.fixture
async def volumes(tmp_path: Path) -> AsyncIterator[LocalVolumes]:
    made = LocalVolumes(tmp_path / "derived", ROOMY)
    yield made
    await made.close()


async def read(volumes: LocalVolumes, build: Builder, form: str = "v", keys: list[str] = KEYS) -> tuple[bytes, bytes]:
    async with volumes.opened(keys, form, len(build.body), build) as file:
        with file.path.open("rb") as stream:
            stream.seek(file.offset)
            return stream.read(), file.facts


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "derived").rglob("*") if path.is_file()]


async def test_a_volume_is_built_once_and_lies_on_a_page(volumes: LocalVolumes) -> None:
    build = Builder()
    assert [await read(volumes, build) for _ in range(3)] == [(VOXELS, b'{"least": 0}')] * 3
    assert build.calls == 1
    async with volumes.opened(KEYS, "v", len(VOXELS), build) as file:
        assert file.offset % 4096 == 0


async def test_equal_requests_build_one(volumes: LocalVolumes) -> None:
    build = Builder(gate=asyncio.Event())
    requests = [asyncio.create_task(read(volumes, build)) for _ in range(16)]
    await asyncio.sleep(0.1)
    assert build.gate is not None
    build.gate.set()
    assert {body for body, _ in await asyncio.gather(*requests)} == {VOXELS}
    assert build.calls == 1


async def test_what_a_build_raises_goes_to_all_and_leaves_nothing(volumes: LocalVolumes, tmp_path: Path) -> None:
    async def broken(_: VoxelFile) -> bytes:
        await asyncio.sleep(0.05)
        raise Unprocessable("The codestream is damaged")

    async def asked() -> None:
        async with volumes.opened(KEYS, "v", 100, broken):
            pass

    outcomes = await asyncio.gather(*(asked() for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unprocessable] * 3
    assert files(tmp_path) == []
    assert (await read(volumes, Builder()))[0] == VOXELS


async def test_a_build_that_nobody_waits_for_is_given_up(volumes: LocalVolumes, tmp_path: Path) -> None:
    for seconds in (0, 0.001, 0.01, 0.1):
        request = asyncio.create_task(read(volumes, Builder(gate=asyncio.Event())))
        await asyncio.sleep(seconds)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    await volumes.close()
    async with asyncio.timeout(10):
        while files(tmp_path):
            await asyncio.sleep(0.01)


async def test_pictures_are_kept_with_their_volume(volumes: LocalVolumes) -> None:
    make, other = Maker(), Maker(b"other")
    assert [await volumes.made(KEYS, "v", "a", make) for _ in range(2)] == [b"picture"] * 2
    assert make.calls == 1
    assert await volumes.made(KEYS, "w", "a", other) == b"other"
    assert await volumes.made(KEYS, "v", "a", other) == b"picture"


@pytest.mark.parametrize("key", KEYS)
async def test_when_an_instance_goes_its_volumes_and_their_pictures_go(volumes: LocalVolumes, tmp_path: Path, key: str) -> None:
    await read(volumes, Builder())
    await volumes.made(KEYS, "v", "a", Maker())
    await volumes.made(KEYS, "w", "a", Maker())
    await read(volumes, Builder(), "other", ["instances/d"])
    await volumes.forget([key])
    assert len(files(tmp_path)) == 1
    again = Builder()
    await read(volumes, again)
    assert again.calls == 1
    await volumes.forget(["instances/never"])
    assert len(files(tmp_path)) == 2


async def test_a_volume_that_would_drive_out_the_others_lies_there_only_while_it_is_used(tmp_path: Path) -> None:
    volumes = LocalVolumes(tmp_path / "derived", 3 * len(VOXELS))
    build = Builder()
    async with volumes.opened(KEYS, "v", len(VOXELS), build) as file:
        assert file.path.exists()
        assert (await read(volumes, build))[0] == VOXELS
        assert file.path.exists()
    assert files(tmp_path) == []
    assert build.calls == 1
    await volumes.close()


async def test_the_bound_of_the_derived_cache_holds_for_volumes_too(tmp_path: Path) -> None:
    most = 40 * 4096
    volumes = LocalVolumes(tmp_path / "derived", most)
    for number in range(30):
        await read(volumes, Builder(), f"v{number}")
    size = sum(path.stat().st_size for path in files(tmp_path))
    assert most // 2 < size <= most
    kept = Builder()
    await read(volumes, kept, "v29")
    assert kept.calls == 0
    derived_files.trimmed(tmp_path / "derived", 4096)
    assert files(tmp_path) == []
    await volumes.close()


async def test_the_derived_cache_and_the_volumes_do_not_mistake_one_another(tmp_path: Path, volumes: LocalVolumes) -> None:
    async def exists(_: str) -> bool:
        return True

    derived = LocalDerived(tmp_path / "derived", ROOMY, exists)
    await derived.made("instances/a", "form", Maker(b"frame"))
    await read(volumes, Builder())
    await volumes.forget(["instances/a"])
    assert await derived.made("instances/a", "form", Maker(b"again")) == b"frame"
    await read(volumes, Builder())
    await derived.forget(["instances/a"])
    never = Builder()
    await read(volumes, never)
    assert never.calls == 0
    await derived.close()


@pytest.mark.parametrize("damage", ["cut", "head", "empty", "picture"])
async def test_a_file_that_is_not_what_it_says_is_made_again(volumes: LocalVolumes, tmp_path: Path, damage: str) -> None:
    await read(volumes, Builder())
    await volumes.made(KEYS, "v", "a", Maker())
    for path in files(tmp_path):
        data = bytearray(path.read_bytes())
        if damage == "cut":
            data = data[:-10]
        elif damage == "head":
            data[20] ^= 1
        elif damage == "empty":
            data = bytearray()
        elif path.name != "voxels":
            data[-1] ^= 1
        path.write_bytes(data)
    build, make = Builder(), Maker()
    assert (await read(volumes, build))[0] == VOXELS
    assert await volumes.made(KEYS, "v", "a", make) == b"picture"
    assert make.calls == 1
    assert build.calls == (0 if damage == "picture" else 1)


async def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "derived").write_text("a file where the folder should be")
    volumes = LocalVolumes(tmp_path / "derived", ROOMY)
    with pytest.raises(Unavailable, match="no room for a volume"):
        await read(volumes, Builder())
    assert await volumes.made(KEYS, "v", "a", Maker()) == b"picture"
    await volumes.close()
