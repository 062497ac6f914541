"""Volumes of files that devices made: every slice as pydicom reads it, through the whole service."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.processing import apply_rescale

from tests.api.conftest import Site
from tests.builders import corpus

Numbers = NDArray[np.float64]


def named(*ending: str) -> list[Path]:
    """Files of the corpus whose last path segments are these, or all in a folder of that name."""
    size = len(ending)
    found = [path for path in corpus() if path.parts[-size:] == ending or path.parts[-size - 1 : -1] == ending]
    return sorted(found, key=lambda path: float(pydicom.dcmread(path).get("ImagePositionPatient", [0, 0, 0])[2]))


@dataclass(frozen=True)
class Read:
    """What pydicom reads: real values (slices, rows, columns), where each slice lies, direction cosines, Pixel Spacing."""

    values: Numbers
    places: Numbers
    cosines: Numbers
    spacing: Numbers


def volume(files: list[Path]) -> Read:
    read = [pydicom.dcmread(path) for path in files]
    first = read[0]
    if len(read) > 1:
        values = np.stack([apply_rescale(each.pixel_array, each) for each in read])
        return Read(values, numbers([each.ImagePositionPatient for each in read]), cosines(first), numbers(first.PixelSpacing))
    if "PerFrameFunctionalGroupsSequence" in first:
        places = [group(first, number, "PlanePositionSequence").ImagePositionPatient for number in range(len(first.pixel_array))]
        rescale, measures = group(first, 0, "PixelValueTransformationSequence"), group(first, 0, "PixelMeasuresSequence")
        values = first.pixel_array * float(rescale.RescaleSlope) + float(rescale.RescaleIntercept)
        return Read(values, numbers(places), cosines(group(first, 0, "PlaneOrientationSequence")), numbers(measures.PixelSpacing))
    offsets = np.outer(numbers(first.GridFrameOffsetVector), (0, 0, 1))
    return Read(first.pixel_array.astype(float), numbers(first.ImagePositionPatient) + offsets, cosines(first), numbers(first.PixelSpacing))


def group(dataset: pydicom.Dataset, number: int, name: str) -> pydicom.Dataset:
    own = dataset.PerFrameFunctionalGroupsSequence[number]
    found = (own if name in own else dataset.SharedFunctionalGroupsSequence[0])[name].value[0]
    assert isinstance(found, pydicom.Dataset)
    return found


def numbers(values: object) -> Numbers:
    return np.array(values, dtype=float)


def cosines(dataset: pydicom.Dataset) -> Numbers:
    return numbers(dataset.ImageOrientationPatient).reshape(2, 3)


def written(point: Numbers) -> str:
    return ",".join(f"{each:.6f}" for each in point)


@pytest.mark.parametrize(
    ("ending", "count"),
    [(("98892001", "CT5N"), 5), (("eCT_Supplemental.dcm",), 2), (("rtdose.dcm",), 15)],
    ids=["CT series", "enhanced CT", "dose grid"],
)
async def test_every_slice_is_what_pydicom_reads(site: Site, ending: tuple[str, ...], count: int) -> None:
    files = named(*ending)
    read = volume(files)
    assert len(read.values) == count
    assert (await site.store(*(path.read_bytes() for path in files))).status_code in (200, 202)
    (found,) = await site.objects("/series")
    path = f"/studies/{found['0020000D']['Value'][0]}/series/{found['0020000E']['Value'][0]}/renderedMPR"
    low, high = float(read.values.min()), float(read.values.max())
    window = f"window={(low + high) / 2},{high - low},linear-exact"
    (row, column), (between_rows, between_columns) = read.cosines, read.spacing
    _, rows, columns = read.values.shape
    for number, place in enumerate(read.places):
        middle = place + row * between_columns * (columns - 1) / 2 + column * between_rows * (rows - 1) / 2
        before, up = written(middle - np.cross(row, column)), written(-column)
        view = f"viewpointposition={before}&viewpointlookat={written(middle)}&viewpointup={up}"
        answer = await site.get(f"{path}?{view}&{window}", "image/png")
        assert answer.status_code == 200, answer.text
        made = np.asarray(Image.open(BytesIO(answer.content)))
        expected = np.floor((read.values[number] - low) / (high - low) * 255 + 0.5)
        assert made.shape == expected.shape
        assert np.abs(made - expected).max() <= 1, number


@pytest.mark.parametrize("kind", ["renderedMPR", "rendered3D"])
async def test_no_file_of_the_corpus_is_more_than_a_sentence(site: Site, kind: str) -> None:
    for path in corpus():
        await site.store(path.read_bytes())
    for found in await site.objects("/series?limit=500"):
        address = f"/studies/{found['0020000D']['Value'][0]}/series/{found['0020000E']['Value'][0]}/{kind}"
        answer = await site.get(f"{address}?viewport=64,64")
        assert answer.status_code in (200, 413, 422), (address, answer.text)
