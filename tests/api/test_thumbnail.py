"""Thumbnails: which picture stands for the whole, how large it is, and what has none (PS3.18 10.4.1.1.4, 8.3.5.2)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import Site
from tests.builders import instance
from tests.images import PLACE, E, N, S, decoded, grey

BROWSER_IMAGE = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def level(value: int, **keywords: Any) -> bytes:
    return grey(np.full((8, 8), value), 8, 8, **keywords)


async def shown(site: Site, path: str) -> int:
    answer = await site.get(path, "image/png")
    assert answer.status_code == 200, answer.text
    return int(decoded(answer.content)[0, 0])


@pytest.mark.parametrize("query", ["", "?viewport=256%2C256", "?viewport=256,256", "?accept=image%2Fjpeg", "?accept=image/jpeg&x=y"])
@pytest.mark.parametrize("accept", [None, "*/*", "image/jpeg"])
async def test_a_thumbnail_is_one_jpeg_for_any_viewer(site: Site, query: str, accept: str | None) -> None:
    await site.store(level(200))
    for path in (f"/studies/{S}", f"/studies/{S}/series/{E}", PLACE, f"{PLACE}/frames/1"):
        answer = await site.get(f"{path}/thumbnail{query}", accept)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.headers["content-length"] == str(len(answer.content))
        assert abs(int(decoded(answer.content)[0, 0]) - 200) <= 2


async def test_a_browser_that_asks_by_parameter_gets_its_jpeg(site: Site) -> None:
    await site.store(level(200))
    answer = await site.get(f"/studies/{S}/series/{E}/thumbnail?accept=image/jpeg", BROWSER_IMAGE)
    assert answer.headers["content-type"] == "image/jpeg"


async def test_a_series_is_seen_by_the_instance_in_its_middle(site: Site) -> None:
    await site.store(*(level(number * 20, instance_uid=f"1.{number}", InstanceNumber=number) for number in (4, 2, 5, 1, 3)))
    assert await shown(site, f"/studies/{S}/series/{E}/thumbnail") == 60
    assert await shown(site, f"/studies/{S}/thumbnail") == 60
    assert await shown(site, f"/studies/{S}/series/{E}/instances/1.5/thumbnail") == 100


async def test_a_multi_frame_image_is_seen_by_its_middle_frame(site: Site) -> None:
    await site.store(grey(np.repeat([10, 90, 170, 250, 255], 64), 8, 8))
    for path in (f"/studies/{S}", f"/studies/{S}/series/{E}", PLACE):
        assert await shown(site, f"{path}/thumbnail") == 170
    assert await shown(site, f"{PLACE}/frames/2/thumbnail") == 90
    assert await shown(site, f"{PLACE}/frames/5,1,4/thumbnail") == 10
    for wrong, status in (("6", 404), ("0", 400), ("x", 400)):
        assert (await site.get(f"{PLACE}/frames/{wrong}/thumbnail")).status_code == status


async def test_a_study_is_seen_by_its_first_series_that_has_a_picture(site: Site) -> None:
    await site.store(
        instance(study_uid=S, series_uid="1.1", rows=0, modality="SR", SeriesNumber=1),
        level(50, series_uid="1.2", instance_uid="1.9", SeriesNumber=2),
        level(100, series_uid="1.3", instance_uid="1.10", SeriesNumber=3),
    )
    assert await shown(site, f"/studies/{S}/thumbnail") == 50


async def test_t15_what_has_no_picture_is_seen_as_an_icon(site: Site) -> None:
    await site.store(instance(study_uid=S, series_uid=E, instance_uid=N, rows=0, modality="SR"))
    for path in (f"/studies/{S}", f"/studies/{S}/series/{E}", PLACE):
        icon = await site.get(f"{path}/thumbnail", "image/jpeg")
        assert (icon.status_code, Image.open(BytesIO(icon.content)).size) == (200, (256, 256))


@pytest.mark.parametrize(
    ("rows", "columns", "query", "expected"),
    [
        (512, 1024, "", (128, 256)),
        (600, 300, "", (256, 128)),
        (30, 20, "", (30, 20)),
        (30, 20, "?viewport=256,256", (30, 20)),
        (512, 1024, "?viewport=64,64", (32, 64)),
        (512, 1024, "?viewport=1024,16", (16, 32)),
        (512, 512, "?viewport=400,500", (400, 400)),
    ],
)
async def test_t6_a_thumbnail_fits_its_box_and_is_never_enlarged(
    site: Site, rows: int, columns: int, query: str, expected: tuple[int, int]
) -> None:
    await site.store(grey(np.zeros((rows, columns)), rows, columns))
    assert decoded((await site.get(f"{PLACE}/thumbnail{query}", "image/png")).content).shape == expected


@pytest.mark.parametrize("query", ["viewport=8", "viewport=0,8", "viewport=8,8,0,0,4,4", "viewport=", "viewport=8,8&viewport=8,8"])
async def test_t6_a_viewport_that_is_none_is_400(site: Site, query: str) -> None:
    await site.store(level(1))
    refused = await site.get(f"{PLACE}/thumbnail?{query}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-query")


async def test_t21_other_parameters_mean_nothing_here(site: Site) -> None:
    await site.store(level(100))
    plain = (await site.get(f"{PLACE}/thumbnail")).content
    assert (await site.get(f"{PLACE}/thumbnail?annotation=patient&window=0,1,linear&quality=0")).content == plain


@pytest.mark.parametrize("accept", ['multipart/related; type="image/jpeg"', "application/dicom", "application/pdf", "image/tiff"])
async def test_a_thumbnail_is_always_one_picture(site: Site, accept: str) -> None:
    await site.store(level(1))
    refused = await site.get(f"{PLACE}/thumbnail", accept)
    assert refused.status_code == 406
    assert refused.json()["offers"][0] == "image/jpeg"


async def test_each_thumbnail_is_audited(site: Site) -> None:
    await site.store(level(1))
    await site.get(f"/studies/{S}/series/{E}/thumbnail")
    record = site.audit()[-1]
    assert record["action"] == "retrieve"
    assert E in str(record)
    assert "thumbnail" in str(record)
