"""app.dicom.stacks: which frames make a volume, and what is said of the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain
from math import cos, radians, sin
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from app.dicom.stacks import Place, Stack, assemble, slices_of
from app.errors import TooLarge, Unprocessable
from app.model import Uid
from tests.builders import fresh_uid, part10
from tests.shown import shown
from tests.volumes import Voxels, enhanced, images, positions, ramp

MANY = 10**9


def stack(datasets: Sequence[Dataset], voxels: int = MANY) -> Stack:
    found = []
    for at, each in enumerate(datasets):
        found += slices_of(shown(part10(each)).metadata, Uid(str(each.SOPInstanceUID)), at)
    return assemble(found, voxels=voxels)


def at(*zs: float) -> list[tuple[float, float, float]]:
    return [(-10, -20, z) for z in zs]


def heights(made: Stack) -> list[float]:
    return [each.plane.position[2] for each in made.slices]


def exact(count: int) -> tuple[Place, ...]:
    return tuple(Place(k, k) for k in range(count))


def test_a_series_is_sorted_along_its_normal_whatever_its_order() -> None:
    shuffled = images(ramp(6))
    random.Random(1).shuffle(shuffled)
    made = stack(shuffled)
    assert heights(made) == [-30, -27.5, -25, -22.5, -20, -17.5]
    assert made.places == exact(6)
    assert made.notes == ()
    assert (made.grid.columns, made.grid.rows, made.grid.slices) == (4, 5, 6)
    assert made.grid.origin == (-10, -20, -30)
    assert np.allclose([made.grid.across, made.grid.down, made.grid.through], [(0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5)])


def test_the_frames_of_an_enhanced_object_are_a_volume() -> None:
    made = stack([enhanced(ramp(6), places=list(reversed(positions(6))))])
    assert [each.number for each in made.slices] == [6, 5, 4, 3, 2, 1]
    assert np.allclose(made.grid.through, (0, 0, 2.5))


def test_positions_that_are_rounded_make_an_even_grid() -> None:
    made = stack(images(ramp(8), places=at(0, 1.3, 2.5, 3.8, 5, 6.2, 7.5, 8.8)))
    assert made.places == exact(8)
    assert made.notes == ()
    assert made.grid.through[2] == pytest.approx(8.8 / 7)


def test_a_missing_slice_is_interpolated_and_said() -> None:
    made = stack(images(ramp(5), places=at(0, 2, 4, 8, 10)))
    assert made.places == (Place(0, 0), Place(1, 1), Place(2, 2), Place(2, 3, 0.5), Place(3, 3), Place(4, 4))
    assert made.grid.through[2] == pytest.approx(2)
    assert made.notes == ("Between the images 1 are missing; they were interpolated",)


def test_thick_slices_after_thin_ones_keep_every_slice() -> None:
    made = stack(images(ramp(6), places=at(0, 3, 6, 9, 15, 21)))
    kept = [k for k, place in enumerate(made.places) if place.lower == place.upper]
    assert kept == [0, 1, 2, 3, 5, 7]
    assert len(made.notes) == 1


def test_uneven_slices_become_even_ones_by_their_true_positions() -> None:
    zs = (0, 2, 4.9, 7.3, 9, 12)
    made = stack(images(ramp(6), places=at(*zs)))
    assert made.notes == ("The images are unevenly spaced; even ones were interpolated",)
    step = made.grid.through[2]
    for k, place in enumerate(made.places):
        between = zs[place.lower] + place.weight * (zs[place.upper] - zs[place.lower])
        assert between == pytest.approx(min(k * step, 12), abs=1e-4)
    assert made.grid.slices * step > 12 - step


def test_two_runs_with_a_wide_gap_are_not_joined() -> None:
    made = stack(images(ramp(8), places=at(0, 2, 4, 100, 102, 104, 106, 108)))
    assert heights(made) == [100, 102, 104, 106, 108]
    assert made.notes == ("3 of 8 images are no part of this volume: they lie in other planes or apart from it",)


def test_a_localizer_in_the_series_is_left_out() -> None:
    axial = images(ramp(6))
    (scout,) = images(ramp(1), orientation=(1, 0, 0, 0, 0, -1), study_uid=axial[0].StudyInstanceUID, series_uid=axial[0].SeriesInstanceUID)
    made = stack([scout, *axial])
    assert len(made.slices) == 6
    assert made.notes == ("1 of 7 images are no part of this volume: they lie in other planes or apart from it",)


def test_of_several_series_the_one_with_most_images_is_taken() -> None:
    thick, thin = images(ramp(3)), images(ramp(7))
    assert stack([*thick, *thin]).slices[0].instance == thin[0].SOPInstanceUID


def described(keyword: str, value: int) -> dict[str, Any]:
    return {keyword: value}


@pytest.mark.parametrize("keyword", ["TemporalPositionIdentifier", "EchoTime", "TriggerTime", "AcquisitionNumber", "DiffusionBValue"])
def test_phases_are_told_apart_by_what_tells_them_apart(keyword: str) -> None:
    series_uid, study_uid = fresh_uid(), fresh_uid()
    phases = [images(ramp(4), series_uid=series_uid, study_uid=study_uid, **described(keyword, value)) for value in (30, 10, 20)]
    mixed = list(chain.from_iterable(zip(*phases, strict=True)))
    made = stack(mixed)
    assert {each.instance for each in made.slices} == {str(each.SOPInstanceUID) for each in phases[1]}
    assert len(made.notes) == 1
    assert "of its 3 volumes" in made.notes[0]


def test_the_phases_of_an_enhanced_object_are_told_apart_by_its_functional_groups() -> None:
    voxels: Voxels = np.concatenate([ramp(4), ramp(4)])
    made = stack([enhanced(voxels, places=positions(4) * 2, phases=[2] * 4 + [1] * 4)])
    assert [each.number for each in made.slices] == [5, 6, 7, 8]
    assert "Temporal Position Index" in made.notes[0]


def test_where_nothing_tells_phases_apart_the_first_image_of_each_place_is_taken() -> None:
    series_uid, study_uid = fresh_uid(), fresh_uid()
    late = images(ramp(4), series_uid=series_uid, study_uid=study_uid)
    for number, each in enumerate(late):
        each.InstanceNumber = 100 + number
    early = images(ramp(4), series_uid=series_uid, study_uid=study_uid)
    made = stack([*late, *early])
    assert {each.instance for each in made.slices} == {str(each.SOPInstanceUID) for each in early}
    assert "nothing tells its volumes apart" in made.notes[0]


def test_a_tilted_gantry_leans_the_grid() -> None:
    tilt = radians(20)
    orientation = (1, 0, 0, 0, cos(tilt), -sin(tilt))
    made = stack(images(ramp(5), orientation=orientation, places=at(0, 3, 6, 9, 12)))
    assert np.allclose(made.grid.through, (0, 0, 3))
    assert np.allclose(made.grid.down, np.array([0, cos(tilt), -sin(tilt)]) * 0.7)
    # Every voxel stands where its image has it (PS3.3 C.7.6.2.1.1).
    expected = np.array([-10, -20, 12]) + 2 * 0.7 * np.array([1, 0, 0]) + 3 * 0.7 * np.array(orientation[3:])
    assert np.allclose(made.grid.at(2, 3, 4), expected)


@pytest.mark.parametrize(
    ("datasets", "sentence"),
    [
        (images(ramp(1)), "at least two"),
        ([], "at least two"),
        (images(ramp(3), ImagePositionPatient=None), "at least two"),
        (images(ramp(3), PhotometricInterpretation="PALETTE COLOR"), "at least two"),
        ([*images(ramp(1)), *images(ramp(1))], "no two of them"),
        (images(ramp(3), places=[(0, 0, 0), (30, 0, 1), (60, 0, 2)]), "beside one another"),
        (images(ramp(3), places=[(0, 0, 0), (5, 0, 10), (0, 0, 20)]), "on one line"),
    ],
)
def test_what_is_no_volume_is_refused_with_the_reason(datasets: list[Dataset], sentence: str) -> None:
    with pytest.raises(Unprocessable, match=sentence) as raised:
        stack(datasets)
    assert raised.value.clause == "PS3.3 C.11.23.1"


def test_a_volume_beyond_the_limit_is_too_large() -> None:
    assert stack(images(ramp(6)), voxels=120).grid.voxels == 120
    with pytest.raises(TooLarge):
        stack(images(ramp(6)), voxels=119)


def test_images_that_are_all_in_other_planes_take_bounded_time() -> None:
    template = images(ramp(1))[0]
    metadata = shown(part10(template)).metadata
    found = []
    for number in range(3000):
        angle = radians(number * 0.1)
        turned = {**metadata, "00200037": {"vr": "DS", "Value": [cos(angle), sin(angle), 0, -sin(angle), cos(angle), 0]}}
        found += slices_of(turned, Uid(f"1.2.{number}"), number)
    with pytest.raises(Unprocessable):
        assemble(found, voxels=MANY)
