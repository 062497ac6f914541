"""Waveforms, segmentations, doses, parametric maps and icons as a user agent gets them, beside what numpy makes of the same bytes."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import MPEG2MPML

from tests.api.conftest import Site
from tests.builders import dataset, encapsulated, instance, part10
from tests.images import PLACE, UIDS, E, S
from tests.parts import parts_of
from tests.segmentations import LABEL_MAP, cielab, segment
from tests.segmentations import instance as segmentation
from tests.unit.dicom.corpus_files import corpus_file
from tests.waveforms import channel, group
from tests.waveforms import instance as waveform

RENDERED, THUMBNAIL = f"{PLACE}/rendered", f"{PLACE}/thumbnail"
STORAGE = "1.2.840.10008.5.1.4.1.1."
RED, BLUE = (230, 75, 53), (77, 187, 213)
"""What segments without a colour of their own get."""


async def shown(site: Site, path: str, accept: str = "image/png") -> NDArray[np.uint8]:
    answer = await site.get(path, accept)
    assert answer.status_code == 200, answer.text
    return colours(answer.content)


def colours(body: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(body)).convert("RGB"))


def beats() -> bytes:
    values = np.tile([[0], [500], [0], [-500]], (100, 1))
    return part10(waveform(group(values, [channel("Lead I", "uV", 1.0)], 100), **UIDS, patient_name="Doe^Jane"))


@pytest.mark.parametrize("accept", [None, "image/svg+xml", "image/*"])
async def test_a_waveform_is_a_vector_graphic_in_which_nothing_runs(site: Site, accept: str | None) -> None:
    await site.store(beats())
    answer = await site.get(RENDERED, accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["content-security-policy"]
    words = "".join(ElementTree.fromstring(answer.content).itertext())
    assert "Lead I" in words
    assert "4 s, 100 Hz, 25 mm/s, 10 mm/mV" in words


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "avif"])
async def test_a_waveform_is_an_image_too(site: Site, kind: str) -> None:
    await site.store(beats())
    answer = await site.get(f"{RENDERED}?viewport=500,500", f"image/{kind}")
    assert answer.headers["content-type"] == f"image/{kind}"
    image = Image.open(BytesIO(answer.content))
    assert image.size[0] == 500
    assert np.asarray(image.convert("L")).min() < 60


async def test_t21_a_waveform_names_the_patient_only_if_asked(site: Site) -> None:
    await site.store(beats())
    assert b"Doe" not in (await site.get(RENDERED)).content
    assert b"Doe, Jane" in (await site.get(f"{RENDERED}?annotation=patient")).content


async def test_the_electrocardiogram_of_the_corpus_has_all_of_its_leads(site: Site) -> None:
    stored = (await site.store(corpus_file("waveform_ecg.dcm").read_bytes())).json()
    place = stored["00081199"]["Value"][0]["00081190"]["Value"][0]
    root = ElementTree.fromstring((await site.http.get(f"{place}/rendered")).content)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text and text.startswith("Lead")] == 2 * [
        "Lead I (Einthoven)",
        *(f"Lead {name}" for name in ("II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")),
    ]
    small = colours((await site.http.get(f"{place}/thumbnail")).content)
    assert small.shape[0] == 256
    assert 200 < small.mean() < 255


def blocks(*masks: list[str]) -> bytes:
    bits = np.array([[[int(bit) for bit in row] for row in mask] for mask in masks], np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    return packed + bytes(len(packed) % 2)


FIRST, SECOND = ["1100", "1100", "0000", "0000"], ["0110", "0000", "0000", "0000"]


def two_segments(**keywords: Any) -> bytes:
    """Segment 1 at z=0 and 1, segment 2 at z=1 alone: frames 1, 2, 3."""
    given: dict[str, Any] = UIDS | keywords
    segments = [segment(1, "Liver"), segment(2, "Spleen")]
    return part10(segmentation(segments, [(1, 0.0), (1, 1.0), (2, 1.0)], rows=4, columns=4, pixels=blocks(FIRST, FIRST, SECOND), **given))


def painted(*layers: tuple[list[str], tuple[int, int, int]]) -> NDArray[np.uint8]:
    made = np.zeros((4, 4, 3), np.uint8)
    for mask, colour in layers:
        made[np.array([[bit == "1" for bit in row] for row in mask])] = colour
    return made


async def test_a_segmentation_is_a_picture_of_each_plane(site: Site) -> None:
    await site.store(two_segments())
    answer = await site.get(RENDERED, 'multipart/related; type="image/png"')
    lower, upper = parts_of(answer)
    np.testing.assert_array_equal(colours(lower.body), painted((FIRST, RED)))
    np.testing.assert_array_equal(colours(upper.body), painted((FIRST, RED), (SECOND, BLUE)))
    assert lower.location.endswith(f"{PLACE}/frames/1/rendered")
    assert upper.location.endswith(RENDERED)


async def test_a_frame_of_a_segmentation_is_its_segment_alone(site: Site) -> None:
    await site.store(two_segments())
    np.testing.assert_array_equal(await shown(site, f"{PLACE}/frames/3/rendered"), painted((SECOND, BLUE)))
    np.testing.assert_array_equal(await shown(site, f"{PLACE}/frames/3/thumbnail"), painted((SECOND, BLUE)))


async def test_a_segmentation_is_seen_by_its_fullest_plane_or_an_animation(site: Site) -> None:
    await site.store(two_segments())
    np.testing.assert_array_equal(await shown(site, THUMBNAIL), painted((FIRST, RED), (SECOND, BLUE)))
    animation = Image.open(BytesIO((await site.get(RENDERED, "image/gif")).content))
    assert getattr(animation, "n_frames", 1) == 2


async def test_a_segment_has_the_colour_it_recommends(site: Site) -> None:
    green = segment(1, "Bile duct", RecommendedDisplayCIELabValue=cielab(87.8, -79.3, 80.9))  # sRGB green under D50
    await site.store(part10(segmentation([green], [(1, 0.0)], rows=4, columns=4, pixels=blocks(FIRST), **UIDS)))
    found = await shown(site, RENDERED)
    np.testing.assert_allclose(found[0, 0].astype(int), (0, 255, 0), atol=3)


async def test_a_label_map_has_its_segments_in_colours(site: Site) -> None:
    numbers = np.array([[0, 1], [2, 2]], np.uint8)
    made = segmentation(
        [segment(1, "Liver"), segment(2, "Spleen")],
        [(1, 0.0)],
        bits=8,
        rows=2,
        columns=2,
        pixels=numbers.tobytes(),
        SOPClassUID=LABEL_MAP,
        SegmentationType="LABELMAP",
        **UIDS,
    )
    await site.store(part10(made))
    expected = np.array([(0, 0, 0), RED, BLUE], np.uint8)[numbers]
    np.testing.assert_array_equal(await shown(site, RENDERED), expected)


@pytest.mark.parametrize("name", ["liver.dcm", "liver_expb.dcm", "liver_1frame.dcm"])
async def test_the_segmentations_of_the_corpus_are_where_pydicom_has_them(site: Site, name: str) -> None:
    stored = (await site.store(corpus_file(name).read_bytes())).json()
    place = stored["00081199"]["Value"][0]["00081190"]["Value"][0].partition("/dicom-web")[2]
    mask = np.atleast_3d(pydicom.dcmread(corpus_file(name)).pixel_array.reshape(-1, 512, 512)[0])[..., 0]
    found = await shown(site, f"{place}/frames/1/rendered")
    np.testing.assert_array_equal(found.any(axis=2), mask == 1)


def dose(values: NDArray[np.uint16], **keywords: Any) -> bytes:
    given: dict[str, Any] = UIDS | {"DoseUnits": "GY", "DoseType": "PHYSICAL", "DoseGridScaling": "0.001"} | keywords
    frames, rows, columns = values.shape
    pixels = values.astype("<u2").tobytes()
    return instance(modality="RTDOSE", SOPClassUID=STORAGE + "481.2", frames=frames, rows=rows, columns=columns, pixels=pixels, **given)


async def test_equal_doses_have_equal_colours_in_every_frame(site: Site) -> None:
    values = np.array([[[0, 2000], [4000, 8000]], [[2000, 2000], [100, 50]]], np.uint16)
    await site.store(dose(values))
    hot, cold = await shown(site, f"{PLACE}/frames/1/rendered"), await shown(site, f"{PLACE}/frames/2/rendered")
    assert hot[0, 0].tolist() == [0, 0, 0]
    assert hot[1, 1].argmax() == 0
    assert hot[1, 1, 0] > 200
    np.testing.assert_array_equal(hot[0, 1], cold[0, 0])
    assert cold[0, 0].argmax() == 2
    whole = parts_of(await site.get(RENDERED, 'multipart/related; type="image/png"'))
    np.testing.assert_array_equal(colours(whole[1].body), cold)


async def test_a_window_of_a_dose_is_in_its_own_unit(site: Site) -> None:
    await site.store(dose(np.array([[[0, 2000], [4000, 8000]]], np.uint16)))
    found = await shown(site, f"{RENDERED}?window=2,4,linear-exact")
    np.testing.assert_array_equal(found[1, 0], found[1, 1])
    assert found[1, 0].argmax() == 0


async def test_t21_the_legend_of_a_dose_is_there_only_if_asked(site: Site) -> None:
    await site.store(dose(np.full((1, 64, 64), 4000, np.uint16)))
    plain, told = await shown(site, f"{RENDERED}?viewport=512,512"), await shown(site, f"{RENDERED}?viewport=512,512&annotation=technique")
    assert len(np.unique(plain.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(told.reshape(-1, 3), axis=0)) > 1


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_1frame.dcm", "rtdose_rle.dcm", "rtdose_expb.dcm", "rtdose_expb_1frame.dcm"])
async def test_the_doses_of_the_corpus_are_in_the_order_of_their_values(site: Site, name: str) -> None:
    """Warmer is more: the highest value is red, the place of the lowest is not."""
    made = pydicom.dcmread(corpus_file(name))
    stored = (await site.store(corpus_file(name).read_bytes())).json()
    place = stored["00081199"]["Value"][0]["00081190"]["Value"][0].partition("/dicom-web")[2]
    values = made.pixel_array.reshape(-1, 10, 10)
    frame = int(values.reshape(len(values), -1).max(axis=1).argmax())
    path = f"{place}/frames/{frame + 1}/rendered" if len(values) > 1 else f"{place}/rendered"
    found = await shown(site, path)
    hottest = np.unravel_index(values[frame].argmax(), (10, 10))
    assert found[hottest].tolist() == [220, 20, 30]
    assert Image.open(BytesIO((await site.get(f"{place}/thumbnail")).content)).size == (10, 10)


def parametric_map(values: NDArray[np.float32], **keywords: Any) -> bytes:
    frames, rows, columns = values.shape
    made = dataset(modality="OT", SOPClassUID=STORAGE + "30", rows=rows, columns=columns, frames=frames, bits=32, **(UIDS | keywords))
    del made.PixelData, made.PixelRepresentation, made.HighBit, made.BitsStored
    made.FloatPixelData = values.astype("<f4").tobytes()
    return part10(made)


async def test_all_frames_of_a_parametric_map_are_seen_over_one_range(site: Site) -> None:
    values = np.stack([np.linspace(-1.0, 3.0, 64).reshape(8, 8), np.full((8, 8), 1.0)]).astype(np.float32)
    values[1, 0, 0] = np.nan
    await site.store(parametric_map(values))
    first = (await shown(site, f"{PLACE}/frames/1/rendered"))[..., 0].astype(int)
    second = (await shown(site, f"{PLACE}/frames/2/rendered"))[..., 0].astype(int)
    np.testing.assert_allclose(first, np.floor((values[0] + 1.0) / 4.0 * 255 + 0.5), atol=1)
    assert second[4, 4] == pytest.approx(127.5, abs=1)
    assert second[0, 0] == 0
    assert Image.open(BytesIO((await site.get(THUMBNAIL)).content)).size == (8, 8)


OBJECTS = {
    "11.1": "Grayscale Softcopy Presentation State",
    "66": "Raw Data",
    "66.1": "Spatial Registration",
    "66.2": "Spatial Fiducials",
    "66.5": "Surface Segmentation",
    "78.1": "Lensometry Measurements",
    "88.11": "Basic Text SR",
    "88.59": "Key Object Selection Document",
    "104.1": "Encapsulated PDF",
    "104.2": "Encapsulated CDA",
    "104.3": "Encapsulated STL",
    "481.3": "RT Structure Set",
    "481.5": "RT Plan",
}


@pytest.mark.parametrize("tail", OBJECTS, ids=OBJECTS.values())
async def test_t15_what_has_no_picture_has_an_icon_at_every_level(site: Site, tail: str) -> None:
    await site.store(instance(rows=0, SOPClassUID=STORAGE + tail, patient_name="Doe^Jane", **UIDS))
    seen = set()
    for path in (f"/studies/{S}", f"/studies/{S}/series/{E}", PLACE):
        answer = await site.get(f"{path}/thumbnail")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        seen.add(answer.content)
        assert Image.open(BytesIO(answer.content)).size == (256, 256)
    assert len(seen) == 1
    assert (await shown(site, f"{THUMBNAIL}?viewport=64,64")).shape == (64, 64, 3)
    assert (await site.get(f"{PLACE}/frames/1/thumbnail")).status_code == 404


async def test_t15_icons_of_different_kinds_differ_and_a_video_is_one(site: Site) -> None:
    seen = set()
    for tail in OBJECTS:
        uids = {"study_uid": S, "series_uid": f"{E}.{tail}", "instance_uid": f"{E}.{tail}.1"}
        await site.store(instance(rows=0, SOPClassUID=STORAGE + tail, **uids))
        seen.add((await site.get(f"/studies/{S}/series/{E}.{tail}/thumbnail", "image/png")).content)
    await site.store(encapsulated([b"\0\0\1\xb3" + bytes(60)], MPEG2MPML, bot=False, NumberOfFrames=25, **UIDS))
    seen.add((await site.get(THUMBNAIL, "image/png")).content)
    assert len(seen) == len(OBJECTS) + 1


@pytest.mark.parametrize("tail", ["66", "66.1", "481.3", "481.5", "78.1", "104.9"])
async def test_what_has_no_picture_is_422_with_a_sentence_that_helps(site: Site, tail: str) -> None:
    await site.store(instance(rows=0, SOPClassUID=STORAGE + tail, **UIDS))
    answer = await site.get(RENDERED)
    assert answer.status_code == 422
    assert "/metadata" in answer.json()["detail"]


async def test_other_media_types_of_an_icon_are_not_acceptable(site: Site) -> None:
    await site.store(instance(rows=0, SOPClassUID=STORAGE + "66", **UIDS))
    answer = await site.get(THUMBNAIL, "text/html")
    assert answer.status_code == 406
    assert answer.json()["offers"][0] == "image/jpeg"
