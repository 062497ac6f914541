"""Pictures by the URI service (PS3.18 9.5), decoded with Pillow."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from tests.api.conftest import Site
from tests.api.test_rendered_streams import MOVIE, MPEG4, PDF, pdf
from tests.builders import encapsulated, instance
from tests.images import UIDS, E, N, S, baseline, decoded, grey, ramp

NAMED = {"requestType": "WADO", "studyUID": S, "seriesUID": E, "objectUID": N}
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


async def wado(site: Site, accept: str | None = None, path: str = "/wado", **values: Any) -> httpx.Response:
    return await site.get(f"{path}?{urlencode(NAMED | values)}", accept)


async def png(site: Site, **values: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    answer = await wado(site, contentType="image/png", **values)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return decoded(answer.content)


@pytest.mark.parametrize("path", ["", "/wado"])
@pytest.mark.parametrize("accept", [None, "*/*", "image/*"])
async def test_without_content_type_it_is_a_jpeg(site: Site, accept: str | None, path: str) -> None:
    await site.store(grey(ramp(), 16, 16))
    answer = await wado(site, accept, path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert baseline(answer.content)


@pytest.mark.parametrize(
    ("accept", "content_type", "kind"),
    [
        ("*/*", "image/png", "image/png"),
        ("image/png", "image/jpeg", "image/jpeg"),
        ("image/png", None, "image/png"),
        (JAVA, None, "image/gif"),
        (None, "image/tiff,image/gif", "image/gif"),
        (None, "image/png;q=0.5,image/webp", "image/webp"),
        (None, "image/jpeg,application/dicom", "image/jpeg"),
        ("application/dicom", "image/png", "image/png"),
    ],
)
async def test_the_media_type_is_named_by_content_type_else_by_the_header(
    site: Site, accept: str | None, content_type: str | None, kind: str
) -> None:
    await site.store(grey(ramp(), 16, 16))
    answer = await wado(site, accept, **({"contentType": content_type} if content_type else {}))
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


async def test_rows_and_columns_are_the_most_and_the_aspect_is_kept(site: Site) -> None:
    await site.store(grey(ramp(8, 16), 8, 16))
    assert (await png(site)).shape == (8, 16)
    assert (await png(site, rows=4)).shape == (4, 8)
    assert (await png(site, columns=4)).shape == (2, 4)
    assert (await png(site, rows=4, columns=4)).shape == (2, 4)
    assert (await png(site, rows=100, columns=32)).shape == (16, 32)


async def test_a_region_is_in_fractions_of_the_image(site: Site) -> None:
    levels = ramp(8, 16)
    await site.store(grey(levels, 8, 16))
    np.testing.assert_array_equal(await png(site, region="0.5,0.25,0.75,0.75"), levels[2:6, 8:12])
    np.testing.assert_array_equal(await png(site, region="0,0,1,1"), levels)
    np.testing.assert_array_equal(await png(site, region="0.5,0.5,1.0,1.0", rows=4, columns=8), levels[4:, 8:])


async def test_a_window_is_linear(site: Site) -> None:
    values = np.arange(256, dtype="<u2").reshape(16, 16) * 16
    await site.store(instance(**UIDS, rows=16, columns=16, pixels=values.tobytes()))
    expected = np.clip(((values - (2000 - 0.5)) / (1000 - 1) + 0.5) * 255, 0, 255)
    assert np.abs(await png(site, windowCenter=2000, windowWidth=1000) - expected).max() <= 1


async def test_a_frame_by_its_number_and_the_first_without(site: Site) -> None:
    await site.store(grey(np.repeat([10, 90, 170], 64), 8, 8))
    assert [int((await png(site, frameNumber=number))[0, 0]) for number in (1, 2, 3)] == [10, 90, 170]
    assert (await png(site))[0, 0] == 10
    animated = await wado(site, contentType="image/gif")
    assert (animated.headers["content-type"], animated.content[:6]) == ("image/gif", b"GIF89a")
    assert animated.content.count(b"\x21\xf9\x04") == 3, "one graphic control extension for each frame"
    assert (await wado(site, contentType="image/gif", frameNumber=2)).content.count(b"\x21\xf9\x04") <= 1


@pytest.mark.parametrize("number", ["0", "-1", "4", "99999999999", "x"])
async def test_a_frame_number_that_does_not_fit_is_400(site: Site, number: str) -> None:
    await site.store(grey(np.repeat([10, 90, 170], 64), 8, 8))
    refused = await wado(site, frameNumber=number)
    assert (refused.status_code, refused.json()["clause"]) == (400, "PS3.18 9.5.2")


async def test_a_frame_number_of_what_has_one_frame_or_none_is_400(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16), instance(study_uid=S, series_uid=E, instance_uid="1.9", rows=0))
    assert (await wado(site, frameNumber=1)).status_code == 400
    assert (await wado(site, objectUID="1.9", frameNumber=1)).status_code == 400


async def test_quality_and_annotation(site: Site) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (128, 128), np.uint8)
    await site.store(grey(noise, 128, 128))
    sizes = [len((await wado(site, imageQuality=quality)).content) for quality in (5, 90)]
    assert sizes[0] < sizes[1]
    np.testing.assert_array_equal(await png(site), noise)
    assert (await png(site, annotation="patient") != noise).any()


async def test_documents_and_videos_are_as_they_are(site: Site) -> None:
    await site.store(pdf(), encapsulated([MOVIE], MPEG4, bot=False, study_uid=S, series_uid=E, instance_uid="1.9", NumberOfFrames=25))
    document = await wado(site)
    assert (document.headers["content-type"], document.content) == ("application/pdf", PDF)
    assert (await wado(site, contentType="image/jpeg")).status_code == 406
    video = await wado(site, "video/*", objectUID="1.9")
    assert (video.headers["content-type"], video.content) == ("video/mp4", MOVIE)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"rows": "0"}, 400),
        ({"region": "0,0,2,2"}, 400),
        ({"windowCenter": "40"}, 400),
        ({"imageQuality": "0"}, 400),
        ({"transferSyntax": "*"}, 400),
        ({"contentType": "image/jpeg;transfer-syntax=1.2.840.10008.1.2.4.50"}, 400),
        ({"objectUID": "1.2.3.4.6"}, 404),
        ({"contentType": "text/html"}, 406),
        ({"contentType": "application/json"}, 406),
        ({"rows": "60000", "columns": "60000"}, 413),
    ],
)
async def test_the_status_tells_what_was_wrong(site: Site, values: dict[str, str], status: int) -> None:
    await site.store(grey(ramp(), 16, 16))
    refused = await wado(site, **values)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert b"Doe" not in refused.content


async def test_what_has_nothing_to_show_or_is_broken_is_422(site: Site) -> None:
    await site.store(instance(**UIDS, rows=0), encapsulated([bytes(30)], JPEG2000Lossless, study_uid=S, series_uid=E, instance_uid="1.9"))
    assert (await wado(site)).status_code == 422
    assert (await wado(site, objectUID="1.9")).status_code == 422


async def test_validators_hold_here_too(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    tag = (await wado(site)).headers["etag"]
    again = await site.get(f"/wado?{urlencode(NAMED)}", **{"If-None-Match": tag})
    assert again.status_code == 304
    assert (await wado(site, rows=8)).headers["etag"] != tag
    head = await site.http.head(f"/wado?{urlencode(NAMED)}")
    assert (head.status_code, head.headers["etag"]) == (200, tag)
