"""renderedMPR and rendered3D through the whole service: real workers, real files, pictures read back by Pillow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.model import Access, Target, Uid
from tests.api.conftest import Site, open_site
from tests.builders import fresh_uid, instance, part10
from tests.parts import parts_of
from tests.volumes import Voxels, enhanced, images, positions, ramp, series

K, J, I = np.indices((24, 32, 40))  # noqa: E741 - the standard's names of the axes
HEAD: Voxels = np.asarray(np.where((K - 12) ** 2 * 9 + (J - 16) ** 2 + (I - 20) ** 2 < 130, 30 + 10 * K + I, -1000), np.int16)
"""A head of a kind: 24 slices of 32 x 40, whose values differ from place to place."""

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.4.1", "1.2.826.0.1.3680043.8.498.4.1.1"
MPR = f"/studies/{STUDY}/series/{SERIES}/renderedMPR"
THREE_D = f"/studies/{STUDY}/series/{SERIES}/rendered3D"
PNG = "image/png"


@pytest.fixture
async def head(site: Site) -> Site:
    answer = await site.store(*series(HEAD, study_uid=STUDY, series_uid=SERIES))
    assert answer.status_code == 200, answer.text
    return site


async def levels(site: Site, path: str, accept: str = PNG) -> NDArray[Any]:
    answer = await site.get(path, accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == accept
    with Image.open(BytesIO(answer.content)) as opened:
        return np.asarray(opened)


def windowed(values: NDArray[Any], center: float, width: float) -> NDArray[np.uint8]:
    """PS3.3 C.11.2.1.2.1"""
    share = np.clip((values.astype(float) - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return np.floor(share * 255 + 0.5).astype(np.uint8)


async def refused(site: Site, path: str, status: int, accept: str = PNG) -> dict[str, Any]:
    answer = await site.get(path, accept)
    assert answer.status_code == status, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def center(k: float) -> str:
    """The parameters of a view from below through slice k of the head."""
    x, y, z = -10 + 19.5 * 0.7, -20 + 15.5 * 0.7, -30 + 2.5 * k
    return f"viewpointposition={x},{y},{z - 1}&viewpointlookat={x},{y},{z}&viewpointup=0,-1,0"


async def test_t22_a_reconstruction_along_the_slices_is_the_slices(head: Site) -> None:
    for k in (0, 7, 23):
        made = await levels(head, f"{MPR}?{center(k)}&window=150,500,linear")
        assert np.array_equal(made, windowed(HEAD[k], 150, 500))


async def test_t22_head_feet_anterior_and_a_slab_are_what_numpy_says(head: Site) -> None:
    window = "&window=150,500,linear"
    assert np.array_equal(await levels(head, f"{MPR}?orientation=f{window}"), windowed(HEAD[11], 150, 500))
    assert np.array_equal(await levels(head, f"{MPR}?orientation=h{window}"), windowed(HEAD[11][:, ::-1], 150, 500))
    left = await levels(head, f"{MPR}?orientation=l{window}")
    assert left.shape == (86, 32)  # 60 mm / 0.7, 32 columns of 0.7 mm
    row = round((60 - 2.5 * 11.5) / 0.7 - 0.5)
    assert np.abs(left[row].astype(int) - windowed(HEAD[11, :, 19], 150, 500)).max() <= 2
    thick = await levels(head, f"{MPR}?{center(8)}&mprslab=12.5&renderingmethod=maximum_ip{window}")
    # Between slices the values are interpolated, so that the maximum over 12.5 mm is that over slices 6 to 10.
    assert np.abs(thick.astype(int) - windowed(HEAD[6:11].max(axis=0), 150, 500)).max() <= 2


async def test_t22_equal_requests_have_equal_bytes(head: Site) -> None:
    for path in (f"{MPR}?orientation=r&mprslab=5", f"{THREE_D}?viewpointposition=100,50,20", f"{THREE_D}?renderingmethod=minimum_ip"):
        first = await head.get(path, "image/jpeg")
        assert first.status_code == 200, first.text
        assert (await head.get(path, "image/jpeg")).content == first.content


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.6"])
async def test_t22_parameters_for_a_presentation_state_are_refused(site: Site, sop_class: str) -> None:
    uid = fresh_uid()
    await site.store(instance(modality="PR", rows=0, study_uid=STUDY, series_uid=SERIES, instance_uid=uid, SOPClassUID=sop_class))
    place = f"/studies/{STUDY}/series/{SERIES}/instances/{uid}"
    for name in ("renderedMPR", "rendered3D"):
        problem = await refused(site, f"{place}/{name}?orientation=a", 400)
        assert problem["clause"].startswith("PS3.18 8.3.5.3")
        assert "Presentation State" in problem["detail"]
    assert (await site.get(f"{place}/renderedMPR")).status_code == (501 if sop_class.endswith("11.6") else 422)


async def test_without_any_parameter_the_answer_is_one_jpeg_of_the_front(head: Site) -> None:
    answer = await head.get(MPR)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-location"].endswith(MPR)
    assert Image.open(BytesIO(answer.content)).size == (40, 86)
    assert np.array_equal(await levels(head, MPR), await levels(head, f"{MPR}?orientation=a"))


async def test_the_spelling_of_the_standards_examples_is_served_too(head: Site) -> None:
    assert (await head.get(MPR.lower(), PNG)).content == (await head.get(MPR, PNG)).content
    assert (await head.get(THREE_D.lower(), PNG)).content == (await head.get(THREE_D, PNG)).content


async def test_maximum_minimum_and_mean_along_the_axis_are_numpys(head: Site) -> None:
    window = "&window=0,2000,linear"
    for method, combine in (("maximum_ip", np.max), ("minimum_ip", np.min), ("average_ip", np.mean)):
        made = await levels(head, f"{THREE_D}?renderingmethod={method}&orientation=f{window}")
        expected = windowed(combine(HEAD.astype(float), axis=0), 0, 2000)
        assert np.abs(made.astype(int) - expected).max() <= 1, method


async def test_ct_is_volume_rendered_in_colours_and_other_modalities_are_projected(site: Site) -> None:
    await site.store(*series(np.where(HEAD > 0, HEAD * 3, HEAD).astype(np.int16), study_uid=STUDY, series_uid=SERIES))
    seen = await levels(site, f"{THREE_D}?orientation=a")
    assert seen.ndim == 3
    assert seen.max() > 60
    assert seen[0, 0].tolist() == [0, 0, 0]
    emission = fresh_uid()
    await site.store(*series(HEAD, study_uid=STUDY, series_uid=emission, modality="PT"))
    flat = await levels(site, f"/studies/{STUDY}/series/{emission}/rendered3D?orientation=a")
    assert np.array_equal(
        flat, await levels(site, f"/studies/{STUDY}/series/{emission}/rendered3D?orientation=a&renderingmethod=maximum_ip")
    )


async def test_the_volume_of_a_study_is_that_of_its_largest_series_and_what_is_left_out_is_said(head: Site) -> None:
    thick = series(ramp(4, 32, 40), study_uid=STUDY, SeriesNumber=2)
    await head.store(*thick)
    answer = await head.get(f"/studies/{STUDY}/renderedMPR?orientation=f", PNG)
    assert answer.content == (await head.get(f"{MPR}?orientation=f", PNG)).content
    assert "4 of 28 images are no part of this volume" in answer.headers["warning"]


async def test_an_enhanced_instance_is_a_volume_and_so_are_some_of_its_frames(site: Site) -> None:
    made = enhanced(HEAD, study_uid=STUDY, series_uid=SERIES)
    await site.store(part10(made))
    place = f"/studies/{STUDY}/series/{SERIES}/instances/{made.SOPInstanceUID}"
    window = "&window=150,500,linear"
    assert np.array_equal(await levels(site, f"{place}/renderedMPR?{center(7)}{window}"), windowed(HEAD[7], 150, 500))
    few = await site.get(f"{place}/frames/7,8,9/renderedMPR?orientation=f{window}", PNG)
    assert np.array_equal(np.asarray(Image.open(BytesIO(few.content))), windowed(HEAD[7], 150, 500))
    assert few.headers["content-location"].endswith("/frames/7,8,9/renderedMPR")
    named = await site.get(f"{place}/renderedMPR?orientation=f&volumeinputreference=7,8,9{window}", PNG)
    assert named.content == few.content
    assert (await site.get(f"{place}/frames/7/renderedMPR", PNG)).status_code == 422
    assert (await site.get(f"{place}/frames/7,99/renderedMPR", PNG)).status_code == 404
    assert (await site.get(f"{place}/frames/7,8/renderedMPR?volumeinputreference=9,10", PNG)).status_code == 400


async def test_input_is_chosen_by_reference_and_by_attributes(site: Site) -> None:
    early = images(HEAD, study_uid=STUDY, series_uid=SERIES, TriggerTime=10)
    late = images(np.asarray(HEAD + 200, np.int16), study_uid=STUDY, series_uid=SERIES, TriggerTime=510)
    await site.store(*map(part10, [*early, *late]))
    window = "&orientation=f&window=150,800,linear"
    answer = await site.get(f"{MPR}?{window}", PNG)
    assert "told apart by Trigger Time" in answer.headers["warning"]
    assert np.array_equal(np.asarray(Image.open(BytesIO(answer.content))), windowed(HEAD[11], 150, 800))
    second = windowed(HEAD[11] + 200, 150, 800)
    assert np.array_equal(await levels(site, f"{MPR}?TriggerTime=510{window}"), second)
    assert np.array_equal(await levels(site, f"{MPR}?TriggerTime=500-600{window}"), second)
    named = ",".join(str(each.SOPInstanceUID) for each in late)
    assert np.array_equal(await levels(site, f"{MPR}?volumeinputreference={named}{window}"), second)
    assert np.array_equal(await levels(site, f"/studies/{STUDY}/renderedMPR?volumeinputreference={SERIES}&TriggerTime=510{window}"), second)
    assert (await refused(site, f"{MPR}?volumeinputreference=1.2.3", 400))["clause"] == "PS3.18 8.3.5.3.1"
    assert "at least two" in (await refused(site, f"{MPR}?TriggerTime=7", 422))["detail"]


async def test_a_missing_slice_is_interpolated_and_said(site: Site) -> None:
    await site.store(*(each for number, each in enumerate(series(HEAD, study_uid=STUDY, series_uid=SERIES)) if number != 8))
    answer = await site.get(f"{MPR}?{center(8)}&window=150,500,linear", PNG)
    assert "1 are missing" in answer.headers["warning"]
    expected = windowed(np.floor((HEAD[7].astype(float) + HEAD[9]) / 2 + 0.5), 150, 500)
    assert np.abs(np.asarray(Image.open(BytesIO(answer.content))).astype(int) - expected).max() <= 1
    assert np.array_equal(await levels(site, f"{MPR}?{center(9)}&window=150,500,linear"), windowed(HEAD[9], 150, 500))


async def test_compressed_slices_make_the_same_volume(site: Site) -> None:
    made = images(HEAD, study_uid=STUDY, series_uid=SERIES)
    for each in made:
        each.compress("1.2.840.10008.1.2.5")
    await site.store(*map(part10, made))
    assert np.array_equal(await levels(site, f"{MPR}?{center(7)}&window=150,500,linear"), windowed(HEAD[7], 150, 500))


async def test_a_viewport_fits_and_cuts(head: Site) -> None:
    assert (await levels(head, f"{MPR}?orientation=a&viewport=100,100")).shape == (100, 47)
    assert (await levels(head, f"{MPR}?orientation=f&viewport=80,64,10,8,20,16")).shape == (64, 80)
    flipped = await levels(head, f"{MPR}?orientation=f&viewport=40,32,0,0,-40,32&window=150,500,linear")
    assert np.array_equal(flipped, windowed(HEAD[11][:, ::-1], 150, 500))


async def test_an_animation_is_a_gif_a_webp_or_a_part_for_each_picture(head: Site) -> None:
    path = f"{THREE_D}?renderingmethod=maximum_ip&swivelrange=360&animationstepsize=45&animationrate=5"
    answer = await head.get(path)
    assert answer.headers["content-type"] == "image/gif"
    with Image.open(BytesIO(answer.content)) as opened:
        assert getattr(opened, "n_frames", 1) == 8
        assert opened.info["duration"] == 200
    assert (await head.get(path, "image/webp")).headers["content-type"] == "image/webp"
    several = await head.get(path, 'multipart/related; type="image/png"')
    assert len(parts_of(several)) == 8
    problem = await refused(head, path, 406, "image/jpeg")
    assert "image/gif" in problem["offers"]


async def test_a_curve_leads_through_the_slices(head: Site) -> None:
    x, y = -10 + 19.5 * 0.7, -20 + 15.5 * 0.7
    path = f"{MPR}?orientation=f&window=150,500,linear&volumetriccurvepoint={x},{y},-30,{x},{y},-20&animationstepsize=2.5"
    answer = await head.get(path, 'multipart/related; type="image/png"')
    pictures = [np.asarray(Image.open(BytesIO(part.body))) for part in parts_of(answer)]
    assert len(pictures) == 5
    assert all(np.array_equal(picture, windowed(HEAD[k], 150, 500)) for k, picture in enumerate(pictures))


async def test_the_response_module_tells_the_parameters_and_gives_the_same_picture_again(head: Site) -> None:
    answer = await head.get(f"{MPR}?orientation=r&mprslab=5&renderedvolumetricmetadata=yes", "application/dicom+json")
    assert answer.headers["content-type"] == "application/dicom+json"
    module = answer.json()
    assert module["00720510"]["Value"] == ["MPR"]
    assert module["0070120D"]["Value"] == ["AVERAGE_IP"]
    assert (module["00281050"]["Value"], module["00281051"]["Value"], module["00281056"]["Value"]) == ([40], [400], ["LINEAR"])
    assert len(module["00081140"]["Value"]) == 24
    position, look_at, up = (",".join(map(str, module[tag]["Value"])) for tag in ("00701603", "00701604", "00701605"))
    again = f"{MPR}?viewpointposition={position}&viewpointlookat={look_at}&viewpointup={up}&mprslab=5&window=40,400,linear"
    assert np.array_equal(await levels(head, again), await levels(head, f"{MPR}?orientation=r&mprslab=5"))
    xml = await head.get(f"{MPR}?orientation=r&renderedvolumetricmetadata=yes", "application/dicom+xml")
    assert b"ReformattingOperationType" in xml.content
    assert (await head.get(f"{MPR}?renderedvolumetricmetadata=yes", PNG)).status_code == 406


async def test_a_copy_that_is_current_is_not_sent_again(head: Site) -> None:
    path = f"{MPR}?orientation=a"
    first = await head.get(path, PNG)
    tag = first.headers["etag"]
    assert (await head.get(path, PNG, **{"If-None-Match": tag})).status_code == 304
    assert (await head.get(path, "image/jpeg")).headers["etag"] != tag
    assert (await head.get(f"{MPR}?orientation=p", PNG)).headers["etag"] != tag
    await head.store(*series(ramp(2, 32, 40), study_uid=STUDY, series_uid=SERIES, places=positions(2, origin=(-10, -20, 30))))
    assert (await head.get(path, PNG, **{"If-None-Match": tag})).status_code == 200


async def test_one_record_is_left_for_each_answer(head: Site) -> None:
    await head.get(f"{MPR}?orientation=a", PNG)
    await head.get(f"{MPR}?orientation=x", PNG)
    await head.get(f"{MPR}?viewpointlookat=0,0,900&viewpointposition=0,0,901", PNG)
    records = [record for record in head.audit() if record.get("detail", {}).get("volume") or record.get("volume")]
    assert len(records) == 2
    assert [record["outcome"] for record in records] == ["success", "InvalidQuery"]


async def test_when_an_instance_is_deleted_its_volume_and_pictures_go(head: Site, tmp_path: Path) -> None:
    folder = head.settings.cache_dir / "volumes"
    await head.get(f"{MPR}?orientation=f", PNG)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
    uid = (await head.objects(f"/studies/{STUDY}/series/{SERIES}/instances?limit=1&offset=23"))[0]["00080018"]["Value"][0]
    assert (await head.http.delete(f"/studies/{STUDY}/series/{SERIES}/instances/{uid}")).status_code == 204
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    module = (await head.get(f"{MPR}?orientation=f&renderedvolumetricmetadata=yes", "application/dicom+json")).json()
    assert len(module["00081140"]["Value"]) == 23
    await head.http.delete(f"/studies/{STUDY}")
    assert (await head.get(MPR, PNG)).status_code == 404
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_no_volume_is_made_of_damaged_instances_unless_they_are_left_out(head: Site) -> None:
    uids = [each["00080018"]["Value"][0] for each in await head.objects(f"/studies/{STUDY}/series/{SERIES}/instances")]
    archive = head.app.state.service.archive
    records = [each async for each in archive.index.locate(Target(Uid(STUDY), Uid(SERIES), Uid(uids[8])), access=Access())]
    await head.get(f"{MPR}?orientation=f", PNG)
    await archive.upkeep.quarantine([records[0].blob.key])
    assert "damaged" in (await refused(head, f"{MPR}?orientation=f", 500))["detail"]
    named = ",".join(uid for uid in uids if uid != uids[8])
    answer = await head.get(f"{MPR}?orientation=f&volumeinputreference={named}", PNG)
    assert answer.status_code == 200
    assert "1 are missing" in answer.headers["warning"]


async def test_what_is_deleted_while_it_is_worked_on_leaves_nothing(head: Site) -> None:
    path = f"{THREE_D}?renderingmethod=maximum_ip&swivelrange=360&animationstepsize=30"
    request = asyncio.create_task(head.get(path))
    while not list((head.settings.cache_dir / "volumes").glob("*/voxels")):
        await asyncio.sleep(0.01)
    await head.http.delete(f"/studies/{STUDY}")
    assert (await request).status_code in (200, 404, 422)
    assert [each for each in (head.settings.cache_dir / "volumes").rglob("*") if each.is_file()] == []


async def test_equal_requests_at_one_time_build_one_volume(head: Site) -> None:
    answers = await asyncio.gather(*(head.get(f"{MPR}?orientation={letter}", PNG) for letter in "aprlhfaprlhf"))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert len(list((head.settings.cache_dir / "volumes").glob("*/voxels"))) == 1
    assert not list((head.settings.cache_dir / "tmp").iterdir())


async def test_a_volume_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"volume_bytes": HEAD.size * 2 - 1}):
        await site.store(*series(HEAD, study_uid=STUDY, series_uid=SERIES))
        problem = await refused(site, MPR, 413)
        assert "limits.volume_bytes" in problem["detail"]


async def test_work_without_bounds_is_refused(head: Site) -> None:
    assert (await refused(head, f"{MPR}?viewport=16000,16000", 413))["detail"]
    assert "slab" in (await refused(head, f"{MPR}?viewport=4000,4000&mprslab=400", 413))["detail"]
    assert (await refused(head, f"{THREE_D}?swivelrange=360&animationstepsize=0.1", 413, "image/gif"))["clause"]
    assert (await refused(head, f"{THREE_D}?swivelrange=360&viewport=2000,2000", 413, "image/gif"))["clause"]


@pytest.mark.parametrize(
    ("datasets", "sentence"),
    [
        (images(ramp(1), study_uid=STUDY, series_uid=SERIES), "at least two"),
        (images(ramp(3), study_uid=STUDY, series_uid=SERIES, ImageOrientationPatient=None), "at least two"),
        (images(ramp(3), study_uid=STUDY, series_uid=SERIES, places=[(0, 0, 0), (5, 0, 10), (0, 0, 20)]), "one line"),
    ],
)
async def test_what_makes_no_volume_is_refused_with_the_reason(site: Site, datasets: Sequence[Any], sentence: str) -> None:
    await site.store(*map(part10, datasets))
    assert sentence in (await refused(site, MPR, 422))["detail"]
    assert sentence in (await refused(site, f"/studies/{STUDY}/rendered3D", 422))["detail"]


async def test_a_slice_that_cannot_be_decoded_is_a_sentence_and_leaves_nothing(site: Site) -> None:
    made = images(HEAD, study_uid=STUDY, series_uid=SERIES)
    for each in made:
        each.compress("1.2.840.10008.1.2.5")
    broken = part10(made[5]).replace(made[5].PixelData[20:120], b"\xff" * 100)
    await site.store(*(part10(each) for number, each in enumerate(made) if number != 5), broken)
    assert (await site.get(f"{MPR}?orientation=f", PNG)).status_code == 422
    assert not list((site.settings.cache_dir / "tmp").iterdir())
    assert (await site.get("/studies")).status_code == 200


async def test_padding_around_the_picture_does_not_brighten_the_mean(site: Site) -> None:
    voxels = HEAD.copy()
    voxels[:, :4, :] = -2000
    await site.store(*series(voxels, study_uid=STUDY, series_uid=SERIES, PixelPaddingValue=-976, PixelRepresentation=1))
    made = await levels(site, f"{MPR}?{center(7)}&window=-1000,100,linear")
    assert made[:4].max() <= made[5, 0]


async def test_who_may_see_a_study_may_see_its_volume_and_nobody_else_learns_of_it(site: Site) -> None:
    for name in ("renderedMPR", "rendered3D"):
        problem = await refused(site, f"/studies/{STUDY}/{name}", 404)
        assert problem["detail"] == "There is no such study under the address given"
