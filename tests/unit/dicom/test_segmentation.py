"""Segmentations: colours, and which frames lie in one plane."""

from __future__ import annotations

from typing import Any

import pydicom
import pytest

from app.dicom.item import Item
from app.dicom.segmentation import PALETTE, segmentation
from tests.reports import metadata
from tests.segmentations import cielab, functional_groups, instance, segment, slide_groups
from tests.unit.dicom.corpus_files import corpus_file


def made(frames: list[tuple[int, float]], segments: list[pydicom.Dataset] | None = None, **keywords: Any) -> Item:
    """Frames as (segment, z)."""
    return metadata(instance(segments or [segment(1, "One"), segment(2, "Two")], frames, **keywords))


def test_frames_in_one_place_are_a_plane_from_one_end_to_the_other() -> None:
    found = segmentation(made([(1, 10.0), (1, 5.0), (2, 10.001), (2, 7.0)]), 4)
    assert found.of_frame == (1, 1, 2, 2)
    assert found.planes == ((2,), (4,), (1, 3))
    assert found.fullest() == (1, 3)


def test_planes_are_in_order_along_their_normal() -> None:
    sagittal = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]  # normal (-1, 0, 0)
    item = metadata_of([[3.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]], sagittal)
    assert segmentation(item, 3).planes == ((1,), (3,), (2,))


def metadata_of(positions: list[list[float]], orientation: list[float]) -> Item:
    dataset = instance([segment(1, "One")], [(1, 0.0)] * len(positions))
    functional_groups(dataset, [(1, position) for position in positions], orientation)
    return metadata(dataset)


def test_tiles_of_a_slide_are_planes_by_row_and_column() -> None:
    dataset = instance([segment(1, "One")], [(1, 0.0)] * 4)
    slide_groups(dataset, [(1, 513, 1), (1, 1, 1), (2, 1, 1), (1, 1, 513)])
    assert segmentation(metadata(dataset), 4).planes == ((2, 3), (4,), (1,))


def test_frames_that_do_not_say_where_they_lie_are_planes_of_their_own() -> None:
    assert segmentation(Item({}), 3).planes == ((1,), (2,), (3,))
    assert segmentation(Item({}), 3).segment(1).colour == PALETTE[0]


def test_a_segment_has_the_colour_that_it_recommends() -> None:
    """Written out for L*=50, a*=60, b*=40 by the formulas of ISO 11664-4 and IEC 61966-2-1 (D50 to D65 by Bradford)."""
    found = segmentation(made([(1, 0.0)], [segment(1, "Red", RecommendedDisplayCIELabValue=cielab(50, 60, 40))]), 1)
    y = (50 + 16) / 116
    x, z = y + 60 / 500, y - 40 / 200
    white_x, white_z = 0.3457 / 0.3585, (1 - 0.3457 - 0.3585) / 0.3585
    big_x = white_x * (x**3 if x**3 > 216 / 24389 else (116 * x - 16) / (24389 / 27))
    big_y = y**3
    big_z = white_z * (z**3 if z**3 > 216 / 24389 else (116 * z - 16) / (24389 / 27))
    linear = (
        3.1341359 * big_x - 1.6173864 * big_y - 0.4906619 * big_z,
        -0.9787955 * big_x + 1.9162544 * big_y + 0.0334427 * big_z,
        0.0719554 * big_x - 0.2289768 * big_y + 1.4053861 * big_z,
    )
    shares = [max(0.0, min(1.0, part)) for part in linear]
    expected = [255 * (1.055 * share ** (1 / 2.4) - 0.055 if share > 0.0031308 else 12.92 * share) for share in shares]
    assert found.segment(1).colour == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("keywords", [{}, {"RecommendedDisplayCIELabValue": cielab(3, 0, 0)}])
def test_a_segment_without_a_colour_that_can_be_seen_gets_one_of_the_palette(keywords: dict[str, Any]) -> None:
    found = segmentation(made([(2, 0.0)], [segment(1, "One"), segment(2, "Two", **keywords)]), 1)
    assert found.segment(2).colour == PALETTE[1]
    assert found.segment(14).colour == PALETTE[1]


def test_a_fractional_segmentation_has_its_most() -> None:
    fractional: dict[str, Any] = {"SegmentationType": "FRACTIONAL", "SegmentationFractionalType": "PROBABILITY", "bits": 8}
    assert segmentation(made([(1, 0.0)], MaximumFractionalValue=200, **fractional), 1).most == 200
    assert segmentation(made([(1, 0.0)], **fractional), 1).most == 255
    assert segmentation(made([(1, 0.0)]), 1).most == 1


def test_in_a_label_map_each_frame_is_a_plane_and_all_segments_are_there() -> None:
    found = segmentation(made([(1, 1.0), (1, 1.0)], SegmentationType="LABELMAP", bits=8), 2)
    assert (found.labels, found.planes, found.names((1,))) == (True, ((1,), (2,)), ("One", "Two"))


def test_names_are_those_of_the_plane() -> None:
    many = [segment(number, f"S{number}") for number in range(1, 21)]
    found = segmentation(made([(number, 0.0) for number in range(1, 21)], many), 20)
    assert found.names((3, 1)) == ("S1", "S3")
    assert found.names(tuple(range(1, 21)))[-2:] == ("S8", "and 12 more")


def test_the_segmentation_of_the_corpus() -> None:
    dataset = pydicom.dcmread(corpus_file("liver.dcm"))
    found = segmentation(metadata(dataset), 3)
    heights = [float(item.PlanePositionSequence[0].ImagePositionPatient[2]) for item in dataset.PerFrameFunctionalGroupsSequence]
    assert [heights[plane[0] - 1] for plane in found.planes] == sorted(heights)
    assert found.names((1,)) == ("Liver",)
