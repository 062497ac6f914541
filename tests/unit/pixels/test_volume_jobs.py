"""app.pixels.volume in real workers: a file of voxels is filled, surveyed, and pictures of it come out as the formulas have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.dicom.geometry import Grid
from app.dicom.picture import Picture, Window, WindowShape
from app.dicom.voxels import Piece, Survey, Voxels, kept_as
from app.dicomweb.query import decode
from app.dicomweb.rendering import IccProfile, View
from app.dicomweb.volume import Method, Reformatting, parse
from app.dicomweb.volume_look import Look
from app.dicomweb.volume_views import Shot, views
from app.errors import Unprocessable
from app.pixels import volume
from app.pixels.adapter import WorkerPixels
from app.pixels.pool import Pool
from app.ports import VoxelFile
from tests.shown import shown
from tests.volumes import INTERCEPT, series

GRID = Grid(12, 10, 8, (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
HOUNSFIELD = Voxels(GRID, "u2", 1, INTERCEPT)
WINDOW = Window(40, 400)


@pytest.fixture(scope="module")
def values() -> NDArray[np.int16]:
    return np.random.default_rng(3).integers(-1000, 2000, (8, 10, 12)).astype(np.int16)


@pytest.fixture(scope="module")
def pictures(values: NDArray[np.int16]) -> list[Picture]:
    return [shown(each).picture() for each in series(values, spacing=(1, 1))]


@pytest.fixture
async def pixels() -> AsyncIterator[WorkerPixels]:
    made = WorkerPixels(Pool(workers=1))
    yield made
    await made.close()


def file_for(tmp_path: Path, voxels: Voxels, offset: int = 4096) -> VoxelFile:
    path = tmp_path / "voxels"
    path.write_bytes(bytes(offset + voxels.bytes))
    return VoxelFile(path, offset)


def stored(file: VoxelFile, voxels: Voxels) -> NDArray[Any]:
    return np.frombuffer(file.path.read_bytes()[file.offset :], f"<{voxels.kind}").reshape(8, 10, 12)


def pieces(pictures: list[Picture]) -> list[Piece]:
    return [Piece(number, (picture,)) for number, picture in enumerate(pictures)]


def shot(text: str, reformatting: Reformatting = Reformatting.MPR) -> Shot:
    return views(parse(decode(text), reformatting), GRID, pixels=10**9).shots[0]


async def test_slices_are_kept_as_they_are_stored(
    tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture], values: NDArray[np.int16]
) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    await pixels.fill(file, HOUNSFIELD, pieces(pictures)[:5])
    await pixels.fill(file, HOUNSFIELD, pieces(pictures)[5:])
    assert np.array_equal(stored(file, HOUNSFIELD).astype(int) + INTERCEPT, values)


async def test_a_missing_slice_lies_between_its_neighbours(
    tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture], values: NDArray[np.int16]
) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    await pixels.fill(file, HOUNSFIELD, [Piece(3, (pictures[2], pictures[4]), 0.25)])
    expected = values[2] * 0.75 + values[4] * 0.25
    assert np.abs(stored(file, HOUNSFIELD)[3].astype(float) + INTERCEPT - expected).max() <= 0.5


async def test_slices_of_several_rescales_are_kept_as_real_values(
    tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture], values: NDArray[np.int16]
) -> None:
    voxels = kept_as(GRID, pictures[0].image, {(1.0, -1024.0), (0.5, 10.0)})
    assert voxels == Voxels(GRID, "f4")
    file = file_for(tmp_path, voxels)
    await pixels.fill(file, voxels, [Piece(0, (pictures[0],)), Piece(1, (replace(pictures[1], rescale=(0.5, 10.0)),))])
    assert np.array_equal(stored(file, voxels)[0], values[0])
    assert np.allclose(stored(file, voxels)[1], (values[1].astype(float) - INTERCEPT) * 0.5 + 10)


async def test_padding_takes_the_least_value_of_its_slice(tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture]) -> None:
    low = int(np.frombuffer(pictures[0].frame, "<u2").min())
    file = file_for(tmp_path, HOUNSFIELD)
    await pixels.fill(file, HOUNSFIELD, [Piece(0, (replace(pictures[0], padding=(2000, 65535)),))])
    own = np.frombuffer(pictures[0].frame, "<u2").reshape(10, 12)
    assert np.array_equal(stored(file, HOUNSFIELD)[0], np.where(own >= 2000, low, own))


async def test_a_frame_of_another_size_is_refused(tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture]) -> None:
    cut = replace(pictures[0], image=replace(pictures[0].image, rows=5), frame=pictures[0].frame[:120])
    with pytest.raises(Unprocessable, match="size"):
        await pixels.fill(file_for(tmp_path, HOUNSFIELD), HOUNSFIELD, [Piece(0, (cut,))])


async def test_a_survey_knows_the_range_and_what_parts_it(tmp_path: Path, pixels: WorkerPixels) -> None:
    voxels = Voxels(GRID, "i2", 2, 5)
    file = file_for(tmp_path, voxels)
    content = np.where(np.indices((8, 10, 12))[0] < 4, 100, 900).astype("<i2") + np.random.default_rng(4).integers(0, 40, (8, 10, 12))
    content = content.astype("<i2")
    file.path.write_bytes(bytes(file.offset) + content.tobytes())
    found = await pixels.survey(file, voxels)
    assert (found.least, found.greatest) == (content.min() * 2 + 5, content.max() * 2 + 5)
    assert 139 * 2 + 5 <= found.parting <= 900 * 2 + 5
    assert found.least <= found.low < found.high <= found.greatest
    file.path.write_bytes(bytes(file.offset + voxels.bytes))
    assert await pixels.survey(file, voxels) == Survey(5, 5, 5, 5, 5)


@pytest.mark.parametrize("shape", list(WindowShape))
async def test_a_reconstruction_goes_through_its_window(
    tmp_path: Path, pixels: WorkerPixels, pictures: list[Picture], values: NDArray[np.int16], shape: WindowShape
) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    await pixels.fill(file, HOUNSFIELD, pieces(pictures))
    window = Window(100, 700, shape)
    made = await pixels.expose(file, HOUNSFIELD, shot("orientation=f"), Look(Method.AVERAGE_IP, window), Reformatting.MPR)
    x = values[3].astype(float)
    # PS3.3 C.11.2.1.2.1, C.11.2.1.3.2, C.11.2.1.3.1
    share = {
        WindowShape.LINEAR: np.clip((x - 99.5) / 699 + 0.5, 0, 1),
        WindowShape.LINEAR_EXACT: np.clip((x - 100) / 700 + 0.5, 0, 1),
        WindowShape.SIGMOID: 1 / (1 + np.exp(-4 * (x - 100) / 700)),
    }[shape]
    expected = np.floor(share * 255 + 0.5).astype(np.uint8)
    assert made.shape == (10, 12)
    assert np.array_equal(np.frombuffer(made.levels, np.uint8).reshape(10, 12), expected)
    inverse = Look(Method.AVERAGE_IP, window, inverse=True)
    turned = await pixels.expose(file, HOUNSFIELD, shot("orientation=f"), inverse, Reformatting.MPR)
    assert np.abs(255 - np.frombuffer(turned.levels, np.uint8).reshape(10, 12).astype(int) - expected).max() <= 1


def test_a_picture_in_strips_is_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    file.path.write_bytes(bytes(file.offset) + np.random.default_rng(6).integers(0, 2048, GRID.voxels).astype("<u2").tobytes())
    for text in ("orientation=a", "viewpointposition=20,20,20&viewpointlookat=5,5,4", "orientation=f&viewport=5,5"):
        arguments = (str(file.path), file.offset, HOUNSFIELD, shot(text), Look(Method.AVERAGE_IP, WINDOW, 3), Reformatting.MPR)
        whole = volume.expose(*arguments)
        monkeypatch.setattr(volume, "BAND", 20)
        assert volume.expose(*arguments) == whole
        monkeypatch.undo()


async def test_outside_of_the_volume_is_black_also_where_black_is_white(tmp_path: Path, pixels: WorkerPixels) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    how = Look(Method.AVERAGE_IP, Window(0, 100), inverse=True)
    seen = shot("viewpointposition=20,20,20&viewpointlookat=5,5,4")
    made = np.frombuffer((await pixels.expose(file, HOUNSFIELD, seen, how, Reformatting.MPR)).levels, np.uint8)
    assert made[0] == 0
    assert made.max() == 255


async def test_volume_rendering_is_in_colours_for_bone_and_in_gray_else(tmp_path: Path, pixels: WorkerPixels) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    file.path.write_bytes(bytes(file.offset) + np.full(GRID.voxels, 2000, "<u2").tobytes())
    window = Window(300, 400, WindowShape.LINEAR_EXACT)
    seen = shot("orientation=a", Reformatting.THREE_D)
    coloured = await pixels.expose(file, HOUNSFIELD, seen, Look(Method.VOLUME_RENDERED, window, bone=True), Reformatting.THREE_D)
    gray = await pixels.expose(file, HOUNSFIELD, seen, Look(Method.VOLUME_RENDERED, window), Reformatting.THREE_D)
    assert (coloured.shape, gray.shape) == ((8, 12, 3), (8, 12))
    assert max(gray.levels) > 30


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp", "image/gif"])
async def test_levels_become_files(tmp_path: Path, pixels: WorkerPixels, media_type: str) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    made = await pixels.expose(file, HOUNSFIELD, shot("orientation=f"), Look(Method.AVERAGE_IP, WINDOW), Reformatting.MPR)
    data = await pixels.develop([made], View(media_type), 10)
    assert Image.open(BytesIO(data)).size == (12, 10)
    assert data == await pixels.develop([made], View(media_type), 10)


@pytest.mark.parametrize("media_type", ["image/gif", "image/webp"])
async def test_several_levels_become_an_animation(tmp_path: Path, pixels: WorkerPixels, media_type: str) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    file.path.write_bytes(bytes(file.offset) + np.random.default_rng(5).integers(0, 2048, GRID.voxels).astype("<u2").tobytes())
    exposures = [
        await pixels.expose(file, HOUNSFIELD, shot(f"orientation={letter}"), Look(Method.AVERAGE_IP, Window(0, 1000)), Reformatting.MPR)
        for letter in "ap"
    ]
    data = await pixels.develop(exposures, View(media_type), 5)
    with Image.open(BytesIO(data)) as opened:
        assert getattr(opened, "n_frames", 1) == 2
        opened.load()
        assert opened.info["duration"] == 200


@pytest.mark.parametrize("profile", list(IccProfile))
async def test_colours_of_volume_rendering_are_those_of_srgb(tmp_path: Path, pixels: WorkerPixels, profile: IccProfile) -> None:
    file = file_for(tmp_path, HOUNSFIELD)
    file.path.write_bytes(bytes(file.offset) + np.full(GRID.voxels, 1250, "<u2").tobytes())
    how = Look(Method.VOLUME_RENDERED, Window(300, 400, WindowShape.LINEAR_EXACT), bone=True)
    made = await pixels.expose(file, HOUNSFIELD, shot("orientation=a", Reformatting.THREE_D), how, Reformatting.THREE_D)
    data = await pixels.develop([made], View("image/png", icc_profile=profile), 10)
    with Image.open(BytesIO(data)) as opened:
        assert ("icc_profile" in opened.info) is (profile is not IccProfile.NO)
        same = np.asarray(opened).tobytes() == made.levels
    assert same is (profile in (IccProfile.NO, IccProfile.YES, IccProfile.SRGB))
