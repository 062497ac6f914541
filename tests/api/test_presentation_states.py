"""Presentation States over HTTP: as a target that renders its images, and by presentationUID in the URI service (PS3.18 9.5.2.3).

What a state does to pixels is shown by the unit tests; here it is which images come, in what form, and what is refused.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from app.model import Access, Action, Caller, Uid
from tests import states
from tests.api.conftest import Site
from tests.builders import fresh_uid, part10
from tests.parts import parts_of
from tests.presented import RAMP, grey

UPRIGHT: dict[str, Any] = {}
TURNED: dict[str, Any] = {"ImageRotation": 90, "ImageHorizontalFlip": "N"}


def address(made: Dataset) -> str:
    return f"/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"


def image(pixels: np.ndarray = RAMP, *, study: str | None = None, series: str | None = None, **keywords: Any) -> Dataset:
    made = grey(pixels, **keywords)
    made.StudyInstanceUID, made.SeriesInstanceUID = study or fresh_uid(), series or fresh_uid()
    return made


async def stored(site: Site, *made: Dataset) -> None:
    answer = await site.store(*(part10(each) for each in made))
    assert answer.status_code in (200, 202), answer.text


def levels(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content)))


async def rendered(site: Site, made: Dataset, query: str = "", accept: str = "image/png") -> httpx.Response:
    return await site.get(f"{address(made)}/rendered{query}", accept)


async def test_t16_a_state_renders_the_image_that_it_is_for(site: Site) -> None:
    shown = image()
    made = states.state(shown, PresentationLUTShape="INVERSE", **TURNED)
    await stored(site, shown, made)
    answer = await rendered(site, made)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(levels(answer.content), np.rot90(255 - RAMP, -1))
    assert np.array_equal(levels((await rendered(site, shown)).content), RAMP)


async def test_t16_several_images_come_as_parts_in_the_order_of_the_state(site: Site) -> None:
    study, series = fresh_uid(), fresh_uid()
    shown = [image(RAMP + np.uint8(number), study=study, series=series) for number in range(3)]
    await stored(site, *shown, made := states.state(shown[2], shown[0], shown[1]))
    answer = await rendered(site, made, accept='multipart/related; type="image/png"')
    assert answer.status_code == 200
    parts = parts_of(answer)
    assert [part.content_type for part in parts] == ["image/png"] * 3
    for part, number in zip(parts, (2, 0, 1), strict=True):
        assert np.array_equal(levels(part.body), RAMP + np.uint8(number))
        assert part.location.endswith(f"{address(made)}/rendered") or part.location.endswith(f"{address(shown[number])}/rendered")


async def test_t16_only_the_frames_that_the_state_names_are_shown(site: Site) -> None:
    shown = image(np.stack([RAMP, RAMP + np.uint8(1), RAMP + np.uint8(2)]))
    await stored(site, shown, made := states.state(shown, frames=[3, 1]), one := states.state(shown, frames=[2]))
    parts = parts_of(await rendered(site, made, accept='multipart/related; type="image/png"'))
    assert [int(levels(part.body)[0, 0]) for part in parts] == [2, 0]
    assert np.array_equal(levels((await rendered(site, one)).content), RAMP + np.uint8(1))


@pytest.mark.parametrize("query", ["window=40,400,linear", "annotation=patient", "iccprofile=srgb", "window=40,400,linear&viewport=10,10"])
async def test_t16_what_the_state_says_itself_must_not_be_asked_for(site: Site, query: str) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown))
    answer = await rendered(site, made, f"?{query}")
    assert answer.status_code == 400, answer.text
    assert "presentation state" in answer.json()["detail"].lower()


async def test_t16_viewport_and_quality_may_be_asked_for(site: Site) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown, **TURNED))
    answer = await rendered(site, made, "?viewport=24,40")
    assert levels(answer.content).shape == (40, 24)
    small = await rendered(site, made, "?quality=10", "image/jpeg")
    large = await rendered(site, made, "?quality=95", "image/jpeg")
    assert small.headers["content-type"] == large.headers["content-type"] == "image/jpeg"
    assert len(small.content) < len(large.content)


async def test_t16_the_region_of_a_viewport_is_that_of_the_area_as_it_is_displayed(site: Site) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown, **TURNED))
    answer = await rendered(site, made, "?viewport=4,3,1,2,4,3")
    assert np.array_equal(levels(answer.content), np.rot90(RAMP, -1)[2:5, 1:5])
    # Row 15 is within the turned picture of 20 rows, though not within the image of 12; column 15 the other way round.
    assert (await rendered(site, made, "?viewport=4,4,0,15,4,4")).status_code == 200
    assert (await rendered(site, made, "?viewport=4,4,15,0,4,4")).status_code == 400


async def test_a_state_whose_images_are_not_here_is_404(site: Site) -> None:
    shown, other = image(), image()
    made = states.state(shown)
    await stored(site, other, made)
    answer = await rendered(site, made)
    assert answer.status_code == 404
    assert shown.SOPInstanceUID not in answer.text


async def test_images_are_looked_for_in_the_study_of_the_state_only(site: Site) -> None:
    shown = image()
    made = states.state(shown)
    made.StudyInstanceUID = fresh_uid()
    await stored(site, shown, made)
    assert (await rendered(site, made)).status_code == 404


async def test_of_several_images_those_that_are_here_are_shown(site: Site) -> None:
    study, series = fresh_uid(), fresh_uid()
    here, gone = image(study=study, series=series), image(study=study, series=series)
    await stored(site, here, made := states.state(gone, here))
    answer = await rendered(site, made)
    assert answer.status_code == 200
    assert "1 of the images that the Presentation State is for are not here" in answer.headers["warning"]
    assert np.array_equal(levels(answer.content), RAMP)


async def test_a_state_has_no_frames(site: Site) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown))
    assert (await site.get(f"{address(made)}/frames/1/rendered", "image/png")).status_code == 404


async def test_states_that_cannot_be_applied_are_501(site: Site) -> None:
    shown = image()
    made = states.state(shown, sop_class="1.2.840.10008.5.1.4.1.1.11.5")
    tiled = states.state(shown, DisplayedAreaSelectionSequence=[states.area((1, 1), (4, 4), PixelOriginInterpretation="VOLUME")])
    await stored(site, shown, made, tiled)
    assert (await rendered(site, made)).status_code == 501
    assert (await rendered(site, tiled)).status_code == 501


async def test_an_area_of_more_pixels_than_are_made_is_413(site: Site) -> None:
    shown = image()
    areas = [states.area((-30000, -30000), (30000, 30000))]
    magnified = [states.area((1, 1), (20, 12), "MAGNIFY", PresentationPixelMagnificationRatio=60000.0)]
    first, second = (states.state(shown, DisplayedAreaSelectionSequence=each) for each in (areas, magnified))
    await stored(site, shown, first, second)
    assert (await rendered(site, first)).status_code == 413
    assert (await rendered(site, second)).status_code == 413


async def test_the_study_of_a_state_shows_its_images_as_they_are(site: Site) -> None:
    shown = image()
    await stored(site, shown, states.state(shown, **TURNED))
    answer = await site.get(f"/studies/{shown.StudyInstanceUID}/rendered", 'multipart/related; type="image/png"')
    (part,) = parts_of(answer)
    assert np.array_equal(levels(part.body), RAMP)


async def test_the_tag_of_a_state_changes_with_the_state_and_with_its_images(replacing_site: Site) -> None:
    site = replacing_site
    shown = image()
    made = states.state(shown)
    await stored(site, shown, made)
    first = (await rendered(site, made)).headers["etag"]
    again = await site.get(f"{address(made)}/rendered", "image/png", **{"If-None-Match": first})
    assert again.status_code == 304
    made.PresentationLUTShape = "INVERSE"
    await stored(site, made)
    second = await rendered(site, made)
    assert np.array_equal(levels(second.content), 255 - RAMP)
    shown.PixelData = bytes(240)
    await stored(site, shown)
    third = await rendered(site, made)
    assert len({first, second.headers["etag"], third.headers["etag"]}) == 3
    assert (levels(third.content) == 255).all()


def uri(shown: Dataset, made: Dataset | None = None, **others: str) -> str:
    parameters = {
        "requestType": "WADO",
        "studyUID": shown.StudyInstanceUID,
        "seriesUID": shown.SeriesInstanceUID,
        "objectUID": shown.SOPInstanceUID,
        "contentType": "image/png",
    }
    if made is not None:
        parameters |= {"presentationUID": made.SOPInstanceUID, "presentationSeriesUID": made.SeriesInstanceUID}
    return "/wado?" + "&".join(f"{name}={value}" for name, value in (parameters | others).items())


async def test_t16_the_uri_service_applies_a_state_to_the_object(site: Site) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown, **TURNED))
    answer = await site.get(uri(shown, made))
    assert answer.status_code == 200, answer.text
    assert np.array_equal(levels(answer.content), np.rot90(RAMP, -1))
    assert levels((await site.get(uri(shown, made, rows="40"))).content).shape == (40, 24)
    assert np.array_equal(levels((await site.get(uri(shown))).content), RAMP)


async def test_t16_the_uri_service_applies_a_state_to_one_frame(site: Site) -> None:
    shown = image(np.stack([RAMP, RAMP + np.uint8(1), RAMP + np.uint8(2)]))
    await stored(site, shown, made := states.state(shown, frames=[2, 3]))
    assert np.array_equal(levels((await site.get(uri(shown, made, frameNumber="3"))).content), RAMP + np.uint8(2))
    assert (await site.get(uri(shown, made, frameNumber="1"))).status_code == 400


@pytest.mark.parametrize("others", [{"region": "0,0,0.5,0.5"}, {"windowCenter": "40", "windowWidth": "400"}])
async def test_t16_region_and_window_do_not_go_with_a_state(site: Site, others: dict[str, str]) -> None:
    shown = image()
    await stored(site, shown, made := states.state(shown))
    assert (await site.get(uri(shown, made, **others))).status_code == 400


async def test_t16_a_state_that_is_not_for_the_object_is_400(site: Site) -> None:
    study = fresh_uid()
    shown, other = image(study=study), image(study=study)
    await stored(site, shown, other, made := states.state(other))
    assert (await site.get(uri(shown, made))).status_code == 400
    assert (await site.get(uri(shown, other))).status_code == 400


async def test_a_state_that_is_not_here_is_404(site: Site) -> None:
    shown = image()
    await stored(site, shown)
    assert (await site.get(uri(shown, states.state(shown)))).status_code == 404


async def test_the_uri_service_shows_the_first_picture_of_a_state(site: Site) -> None:
    shown = image(np.stack([RAMP, RAMP + np.uint8(1)]))
    await stored(site, shown, made := states.state(shown, frames=[2, 1]))
    assert np.array_equal(levels((await site.get(uri(made))).content), RAMP + np.uint8(1))


def in_plane(pixels: np.ndarray, z: float, study: str, series: str, frame_of_reference: str = "1.2.3") -> Dataset:
    facts: dict[str, Any] = {"ImagePositionPatient": [0, 0, z], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    return image(pixels, study=study, series=series, PixelSpacing=[1, 1], FrameOfReferenceUID=frame_of_reference, **facts)


async def test_a_blending_lays_over_each_image_the_one_in_its_plane(site: Site) -> None:
    study, below, above = (fresh_uid() for _ in range(3))
    lower = [in_plane(np.full((4, 4), 100, np.uint8), z, study, below) for z in (0, 5)]
    upper = [in_plane(np.full((4, 4), level, np.uint8), z, study, above) for z, level in ((5.5, 255), (0.5, 0))]
    made = states.palette(states.blending(lower[0], upper[0], 0.5, {}, {}), Red=[0, 200], Green=[0, 0], Blue=[50, 0])
    for side, images in zip(made.BlendingSequence, (lower, upper), strict=True):
        side.ReferencedSeriesSequence = states.related(images)
    await stored(site, *lower, *upper, made)
    parts = parts_of(await rendered(site, made, accept='multipart/related; type="image/png"'))
    assert [levels(part.body)[1, 1].tolist() for part in parts] == [[50, 50, 75], [150, 50, 50]]


async def test_a_blending_without_its_other_side_is_404_and_one_of_another_space_422(site: Site) -> None:
    study, below, above = (fresh_uid() for _ in range(3))
    lower = in_plane(np.full((4, 4), 100, np.uint8), 0, study, below)
    upper = in_plane(np.full((4, 4), 100, np.uint8), 0, study, above, "1.2.4")
    made = states.palette(states.blending(lower, upper, 0.5, {}, {}), Red=[0, 200], Green=[0, 0], Blue=[50, 0])
    await stored(site, lower, made)
    assert (await rendered(site, made)).status_code == 404
    await stored(site, upper)
    assert (await rendered(site, made)).status_code == 422


async def test_a_mask_is_read_from_other_frames_of_the_image(site: Site) -> None:
    shown = image(np.stack([RAMP, RAMP // 2]))
    operation = states.item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1])
    await stored(site, shown, made := states.state(shown, frames=[2], MaskSubtractionSequence=[operation], RecommendedViewingMode="SUB"))
    found = levels((await rendered(site, made)).content)
    expected = (RAMP // 2 - RAMP.astype(float)) / 510 + 0.5
    assert np.abs(found - expected * 255).max() <= 0.5


@dataclass(frozen=True, slots=True)
class OneStudy:
    """A policy that lets everybody see one study."""

    study: Uid

    async def grant(self, caller: Caller, action: Action) -> Access:
        return Access(studies=frozenset({self.study}))


async def test_what_a_caller_may_not_see_is_not_shown_by_a_state(site: Site) -> None:
    seen, hidden = fresh_uid(), fresh_uid()
    lower = in_plane(np.full((4, 4), 100, np.uint8), 0, seen, fresh_uid())
    upper = in_plane(np.full((4, 4), 100, np.uint8), 0, hidden, fresh_uid())
    made = states.palette(states.blending(lower, upper, 0.5, {}, {}), Red=[0, 200], Green=[0, 0], Blue=[50, 0])
    await stored(site, lower, upper, made)
    assert (await rendered(site, made)).status_code == 200
    detail = site.audit()[-1]["detail"]
    assert (detail["presentation"], detail["studies"]) == (made.SOPInstanceUID, sorted((seen, hidden)))
    service = site.app.state.service
    site.app.state.service = replace(service, archive=replace(service.archive, policy=OneStudy(Uid(seen))))
    assert (await rendered(site, lower)).status_code == 200
    assert (await rendered(site, made)).status_code == 404
