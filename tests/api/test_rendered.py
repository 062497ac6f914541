"""Rendered images as a user agent sees them: the pixels of each answer are decoded with Pillow and compared with what they must be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from app.dicom.picture import Picture
from app.dicomweb.rendering import View
from tests.api.conftest import Site, open_site
from tests.builders import encapsulated, fresh_uid, instance
from tests.images import PLACE, UIDS, E, N, S, baseline, decoded, grey, ramp
from tests.parts import parts_of

RENDERED = f"{PLACE}/rendered"
CHROME_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
OHIF_IMAGE = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
WHOLE = {"WindowCenter": "32768", "WindowWidth": "65536"}


async def png(site: Site, query: str = "", path: str = RENDERED) -> NDArray[np.uint8]:
    answer = await site.get(path + query, "image/png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return decoded(answer.content)


@pytest.mark.parametrize("accept", [None, "*/*", "image/*", "image/jpeg", "text/html, image/jpeg;q=0.1"])
async def test_t1_the_default_is_a_baseline_jpeg_with_its_length(site: Site, accept: str | None) -> None:
    await site.store(grey(ramp(), 16, 16))
    answer = await site.get(RENDERED, accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-location"].endswith(RENDERED)
    assert "content-disposition" not in answer.headers
    assert baseline(answer.content)
    assert np.abs(decoded(answer.content).astype(int) - ramp()).max() <= 12


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "avif", "jxl"])
async def test_t2_other_media_types_by_header_or_parameter(site: Site, kind: str) -> None:
    await site.store(grey(ramp(64, 64), 64, 64))
    by_header = await site.get(RENDERED, f"image/{kind}")
    by_parameter = await site.get(f"{RENDERED}?accept=image%2F{kind}", "image/jpeg")
    for answer in (by_header, by_parameter):
        assert answer.headers["content-type"] == f"image/{kind}"
    assert by_header.content == by_parameter.content
    if kind == "jxl":
        assert by_header.content.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL "))
        return
    image = Image.open(BytesIO(by_header.content))
    assert image.format == kind.upper()
    assert image.size == (64, 64)
    if kind in ("png", "gif"):
        np.testing.assert_array_equal(decoded(by_header.content), ramp(64, 64))


@pytest.mark.parametrize(("accept", "kind"), [(CHROME_IMAGE, "image/avif"), (OHIF_IMAGE, "image/jxl")])
async def test_what_a_browser_lists_first_is_what_it_gets(site: Site, accept: str, kind: str) -> None:
    await site.store(grey(ramp(), 16, 16))
    assert (await site.get(RENDERED, accept)).headers["content-type"] == kind
    assert (await site.get(f"{RENDERED}?accept=image%2Fjpeg", accept)).headers["content-type"] == "image/jpeg"


async def test_one_image_is_multipart_where_that_is_asked_for(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    answer = await site.get(RENDERED, 'multipart/related; type="image/png"')
    (part,) = parts_of(answer)
    assert part.content_type == "image/png"
    np.testing.assert_array_equal(decoded(part.body), ramp())


@pytest.mark.parametrize(
    "accept",
    [
        "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50",
        'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50',
        "application/dicom",
        "image/tiff",
        "text/html",
    ],
)
async def test_t19_a_transfer_syntax_and_other_media_types_are_not_acceptable(site: Site, accept: str) -> None:
    await site.store(grey(ramp(), 16, 16))
    refused = await site.get(RENDERED, accept)
    assert refused.status_code == 406
    assert refused.json()["offers"][0] == "image/jpeg"
    assert (await site.get(RENDERED, f"{accept}, image/png;q=0.1")).headers["content-type"] == "image/png"


async def test_t19_dicom_and_rendered_side_by_side_are_400_where_strict(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", http={"strict": True}):
        await site.store(grey(ramp(), 16, 16), **{"Accept": "application/dicom+json"})
        assert (await site.get(RENDERED, "image/png")).status_code == 200
        assert (await site.get(RENDERED, "image/png, application/dicom")).status_code == 400


@pytest.mark.parametrize(
    ("query", "clause"),
    [
        ("window=40,0,linear", "PS3.18 8.3.5.1.4"),
        ("window=40,400", "PS3.18 8.3.5.1.4"),
        ("viewport=1", "PS3.18 8.3.5.1.3"),
        ("viewport=8,8,0,0", "PS3.18 8.3.5.1.3"),
        ("viewport=8,8,16,0,4,4", "PS3.18 8.3.5.1.3"),
        ("quality=0", "PS3.18 8.3.5.1.2"),
        ("quality=101", "PS3.18 8.3.5.1.2"),
        ("annotation=", "PS3.18 8.3.5.1.1"),
        ("iccprofile=cmyk", "PS3.18 8.3.5.1.5"),
    ],
)
async def test_t5_t6_t7_what_is_asked_wrongly_is_400_with_its_clause(site: Site, query: str, clause: str) -> None:
    await site.store(grey(ramp(), 16, 16))
    for path in (RENDERED, f"{PLACE}/frames/1/rendered", f"/studies/{S}/rendered"):
        refused = await site.get(f"{path}?{query}")
        assert (refused.status_code, refused.json()["code"], refused.json()["clause"]) == (400, "invalid-query", clause)


async def test_a_window_chooses_what_is_seen(site: Site) -> None:
    values = np.arange(256, dtype="<u2").reshape(16, 16) * 16
    await site.store(instance(**UIDS, rows=16, columns=16, pixels=values.tobytes(), RescaleSlope="1", RescaleIntercept="-1024", **WHOLE))
    center, width = 300.0, 1500.0
    x = values.astype(float) - 1024
    linear = np.clip(((x - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    exact = np.clip(((x - center) / width + 0.5) * 255, 0, 255)
    sigmoid = 255 / (1 + np.exp(-4 * (x - center) / width))
    for function, expected in (("linear", linear), ("linear-exact", exact), ("sigmoid", sigmoid)):
        shown = await png(site, f"?window={center},{width},{function}")
        assert np.abs(shown - expected).max() <= 1, function


async def test_t6_a_viewport_keeps_the_aspect_and_a_region_is_what_it_shows(site: Site) -> None:
    levels = ramp(8, 16)
    await site.store(grey(levels, 8, 16))
    assert (await png(site, "?viewport=64%2C64")).shape == (32, 64)
    assert (await png(site, "?viewport=4,64")).shape == (2, 4)
    np.testing.assert_array_equal(await png(site, "?viewport=4,4,8,2,4,4"), levels[2:6, 8:12])
    np.testing.assert_array_equal(await png(site, "?viewport=4,4,8,2,-4,4"), levels[2:6, 8:12][:, ::-1])
    np.testing.assert_array_equal(await png(site, "?viewport=4,4,8,2,4,-4"), levels[2:6, 8:12][::-1])
    np.testing.assert_array_equal(await png(site, "?viewport=16,8,,,,"), levels)


async def test_quality_changes_the_size_of_a_jpeg_and_nothing_of_a_png(site: Site) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    await site.store(grey(noise, 64, 64))
    sizes = [len((await site.get(f"{RENDERED}?quality={quality}", "image/jpeg")).content) for quality in (5, 50, 100)]
    assert sizes[0] < sizes[1] < sizes[2]
    np.testing.assert_array_equal(await png(site, "?quality=1"), noise)


async def test_t21_nothing_is_written_on_a_picture_unless_it_is_asked_for(site: Site) -> None:
    black = np.zeros((128, 256), np.uint8)
    await site.store(grey(black, 128, 256))
    assert not (await png(site)).any()
    assert not (await png(site, path=f"{PLACE}/thumbnail")).any()
    for query in ("?annotation=patient", "?annotation=technique,patient"):
        assert (await png(site, query)).any()
    vain = await site.get(f"{RENDERED}?annotation=dose", "image/png")
    assert not decoded(vain.content).any()
    assert vain.headers["warning"] == '299 radiolucent "The following annotation values are not supported: dose"'


async def test_frames_are_parts_in_the_order_asked_for(site: Site) -> None:
    levels = np.repeat(np.array([10, 90, 170, 250], np.uint8), 64).reshape(4, 8, 8)
    await site.store(grey(levels, 8, 8))
    answer = await site.get(f"{PLACE}/frames/4,2/rendered", 'multipart/related; type="image/png"')
    assert [int(decoded(part.body)[0, 0]) for part in parts_of(answer)] == [250, 90]
    assert [part.location.partition(S)[2] for part in parts_of(answer)] == [
        f"{PLACE}/frames/{number}/rendered".partition(S)[2] for number in (4, 2)
    ]
    single = await site.get(f"{PLACE}/frames/3/rendered", "image/png")
    assert decoded(single.content)[0, 0] == 170
    assert (await site.get(f"{PLACE}/frames/4,2/rendered", "image/png")).status_code == 406
    assert (await site.get(f"{PLACE}/frames/3%2C1/rendered")).headers["content-type"].startswith('multipart/related; type="image/jpeg"')
    for wrong, status in (("5", 404), ("1,5", 404), ("0", 400), ("x", 400), ("2,2", 400)):
        assert (await site.get(f"{PLACE}/frames/{wrong}/rendered")).status_code == status


@pytest.mark.parametrize("kind", ["gif", "webp"])
async def test_a_multi_frame_image_is_its_frames_or_an_animation(site: Site, kind: str) -> None:
    levels = np.repeat(np.array([10, 90, 170, 250], np.uint8), 64).reshape(4, 8, 8)
    await site.store(grey(levels, 8, 8, FrameTime="40"))
    parts = parts_of(await site.get(RENDERED, 'multipart/related; type="image/png"'))
    assert [int(decoded(part.body)[0, 0]) for part in parts] == [10, 90, 170, 250]
    assert (await site.get(RENDERED)).headers["content-type"].startswith('multipart/related; type="image/jpeg"')
    animated = await site.get(RENDERED, f"image/{kind}")
    assert animated.headers["content-type"] == f"image/{kind}"
    image: Any = Image.open(BytesIO(animated.content))
    assert image.n_frames == 4
    shown = []
    for frame in range(4):
        image.seek(frame)
        shown.append(int(np.asarray(image.convert("L"))[4, 4]))
    assert np.abs(np.array(shown) - [10, 90, 170, 250]).max() <= 3
    assert (await site.get(RENDERED, CHROME_IMAGE)).headers["content-type"] == "image/webp"
    refused = await site.get(RENDERED, "image/jpeg")
    assert refused.status_code == 406
    assert "image/gif" in refused.json()["offers"]


async def test_t11_a_series_and_a_study_are_multipart_also_with_one_image(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    for path in (f"/studies/{S}/series/{E}/rendered", f"/studies/{S}/rendered"):
        for accept in (None, "*/*", "image/png, */*;q=0.1", CHROME_IMAGE):
            answer = await site.get(path, accept)
            assert answer.headers["content-type"].startswith('multipart/related; type="image/jpeg"')
            (part,) = parts_of(answer)
            assert part.location.endswith(RENDERED)
            assert baseline(part.body)
        assert (await site.get(path, "image/jpeg")).status_code == 406
        assert (await site.get(path, 'multipart/related; type="image/*"')).status_code == 200


async def test_a_series_comes_in_its_order_and_never_stands_in_memory(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [int(level) for level in np.random.default_rng(2).permutation(40) + 100]
    sent = [
        grey(np.full((8, 8), level), 8, 8, study_uid=S, series_uid=E, instance_uid=fresh_uid(), InstanceNumber=number)
        for number, level in enumerate(levels, 1)
    ]
    await site.store(*sent)
    pixels = site.app.state.service.archive.pixels
    render, at_work, most = pixels.render, 0, 0

    async def counted(pictures: Sequence[Picture], view: View) -> bytes:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        try:
            return bytes(await render(pictures, view))
        finally:
            at_work -= 1

    monkeypatch.setattr(pixels, "render", counted)
    answer = await site.get(f"/studies/{S}/series/{E}/rendered", 'multipart/related; type="image/png"')
    assert "content-length" not in answer.headers
    assert [int(decoded(part.body)[0, 0]) for part in parts_of(answer)] == levels
    assert most <= 3


async def test_what_cannot_be_shown_is_left_out_and_told(site: Site) -> None:
    await site.store(
        grey(ramp(), 16, 16),
        instance(study_uid=S, rows=0),
        encapsulated([bytes(30)], "1.2.840.10008.1.2.4.94", study_uid=S),
    )
    answer = await site.get(f"/studies/{S}/rendered")
    assert answer.status_code == 206
    assert answer.headers["warning"].startswith('299 radiolucent "2 instances')
    assert len(parts_of(answer)) == 1


async def test_a_picture_is_drawn_once_and_gone_with_its_instance(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.store(grey(ramp(), 16, 16))
    pixels = site.app.state.service.archive.pixels
    render, drawn = pixels.render, 0

    async def counted(pictures: Sequence[Picture], view: View) -> bytes:
        nonlocal drawn
        drawn += 1
        return bytes(await render(pictures, view))

    monkeypatch.setattr(pixels, "render", counted)
    paths = [RENDERED, f"{PLACE}/frames/1/rendered", RENDERED + "?viewport=16,16"]
    bodies = [(await site.get(path, "image/png")).content for path in (*paths, *paths)]
    assert bodies[:3] == bodies[3:]
    assert drawn == 2, "the same frame in the same view is the same picture, whatever its address"
    await asyncio.gather(*(site.get(RENDERED + "?viewport=5,5") for _ in range(20)))
    assert drawn == 3
    await site.http.delete(PLACE)
    for path in paths:
        assert (await site.get(path)).status_code == 404


async def test_validators_tell_one_view_from_another(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    paths = [
        RENDERED, f"{RENDERED}?viewport=8,8", f"{RENDERED}?window=1,2,linear", f"{RENDERED}?quality=5", f"{RENDERED}?accept=image/png",
        f"{RENDERED}?annotation=patient", f"{PLACE}/thumbnail", f"{PLACE}/thumbnail?viewport=8,8", f"/studies/{S}/rendered",
    ]  # fmt: skip
    tags = [(await site.get(path)).headers["etag"] for path in paths]
    assert len(set(tags)) == len(paths)
    for path, tag in zip(paths, tags, strict=True):
        again = await site.get(path, **{"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "private, no-cache")
        head = await site.http.head(path)
        assert (head.status_code, head.headers["etag"], head.content) == (200, tag, b"")


async def test_what_was_replaced_is_another_picture(replacing_site: Site) -> None:
    site = replacing_site
    await site.store(grey(ramp(), 16, 16))
    first = await site.get(RENDERED, "image/png")
    await site.store(grey(255 - ramp(), 16, 16))
    second = await site.get(RENDERED, "image/png", **{"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    np.testing.assert_array_equal(decoded(second.content), 255 - ramp())


async def test_a_broken_codestream_is_422_and_says_nothing_of_the_patient(site: Site) -> None:
    await site.store(encapsulated([b"\xff\x4f\xff\x51" + bytes(200)], JPEG2000Lossless, **UIDS))
    for path in (RENDERED, f"{PLACE}/thumbnail", f"/studies/{S}/rendered"):
        refused = await site.get(path)
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert "Doe" not in refused.text
    assert (await site.get("/studies?limit=1")).status_code == 200


async def test_t20_an_image_bomb_is_413_before_anything_is_decoded(site: Site) -> None:
    await site.store(encapsulated([b"\xff\xd8\xff" + bytes(60)], JPEGBaseline8Bit, rows=65535, columns=65535, pixels=b"", **UIDS))
    for path in (RENDERED, f"{PLACE}/frames/1/rendered", f"{PLACE}/thumbnail", f"/studies/{S}/rendered"):
        refused = await site.get(path)
        assert refused.status_code == 413
        assert "limits.rendered_pixels" in refused.json()["detail"]


async def test_t20_a_huge_viewport_and_a_long_animation_are_413(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"rendered_pixels": 1000, "frames": 4}):
        await site.store(grey(np.zeros((4, 16, 16)), 16, 16))
        assert (await site.get(f"{PLACE}/frames/1/rendered")).status_code == 200
        assert (await site.get(f"{PLACE}/frames/1/rendered?viewport=100,100")).status_code == 413
        assert (await site.get(RENDERED, "image/gif")).status_code == 413
        assert len(parts_of(await site.get(RENDERED))) == 4
        await site.store(grey(np.zeros((1, 16, 16)), 16, 16, instance_uid="1.9"))
        refused = await site.get(f"/studies/{S}/rendered")
        assert refused.status_code == 413
        assert "limits.frames" in refused.json()["detail"]


async def test_a_study_that_the_triple_does_not_name_is_404(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    for path in (f"/studies/{S}/series/9.9/instances/{N}/rendered", "/studies/9.9/rendered", f"/studies/{S}/series/9.9/thumbnail"):
        assert (await site.get(path)).status_code == 404
    assert (await site.get(f"/studies/{S}/series/..%2f/instances/{N}/rendered")).status_code in (400, 404)


async def explained(site: Site, resource: str, accept: str) -> httpx.Response:
    return await site.get(f"/debug/negotiate?resource={resource}", accept)


async def test_the_choice_can_be_explained(site: Site) -> None:
    await site.store(grey(ramp(), 16, 16))
    for path in (RENDERED, f"{PLACE}/thumbnail", f"/studies/{S}/rendered"):
        report = (await explained(site, path, "image/webp, image/*;q=0.5, multipart/related")).json()
        assert report["status"] == 200
        (choice,) = {item["selected"] for item in report["choices"]}
        assert choice == ('multipart/related; type="image/jpeg"' if path.startswith(f"/studies/{S}/rendered") else "image/webp")
    assert (await explained(site, RENDERED, "text/html")).json()["status"] == 406
