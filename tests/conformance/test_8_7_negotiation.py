"""PS3.18 8.7: media types, transfer syntaxes and content negotiation, over HTTP."""

from __future__ import annotations

import io
import time
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.uid import (
    MPEG4HP41,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.api.conftest import Site, open_site
from tests.builders import compressed, dataset, encapsulated, instance
from tests.parts import parts_of

STUDY, SERIES = "1.2.3", "1.2.3.4"
JPEG = b"\xff\xd8\xff\xe0" + bytes(30) + b"\xff\xd9"
MULTIPART = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
STORED: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "1.1": lambda uids: instance(**uids),
    "1.2": lambda uids: instance(**uids, transfer_syntax=ImplicitVRLittleEndian),
    "1.3": lambda uids: instance(**uids, transfer_syntax=ExplicitVRBigEndian),
    "1.4": lambda uids: compressed(JPEG2000Lossless, **uids),
    "1.5": lambda uids: encapsulated([JPEG], JPEGBaseline8Bit, **uids),
    "1.6": lambda uids: encapsulated([JPEG], JPEGLosslessSV1, **uids),
    "1.7": lambda uids: encapsulated([bytes(200)], MPEG4HP41, **uids),
}
PLAIN, IMPLICIT, BIG_ENDIAN, LOSSLESS, LOSSY, LOSSLESS_JPEG, VIDEO = (f"/studies/{STUDY}/series/{SERIES}/instances/{uid}" for uid in STORED)


@pytest.fixture
async def full(site: Site) -> Site:
    for uid, make in STORED.items():
        answer = await site.store(make({"study_uid": STUDY, "series_uid": SERIES, "instance_uid": uid}))
        assert answer.status_code == 200, answer.text
    return site


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "strict", http={"strict": True}):
        await opened.store(instance(study_uid=STUDY, series_uid=SERIES, instance_uid="1.1"), Accept="application/dicom+json")
        yield opened


def syntax_of(answer: httpx.Response) -> str:
    (part,) = parts_of(answer)
    return part.content_type.partition("transfer-syntax=")[2]


async def bare(site: Site, path: str) -> httpx.Response:
    """A request without any Accept header; httpx would add one."""
    request = site.http.build_request("GET", path)
    del request.headers["accept"]
    return await site.http.send(request)


async def test_n1_an_absent_accept_header_means_anything_or_is_406_where_strict(full: Site, strict: Site) -> None:
    assert syntax_of(await bare(full, PLAIN)) == "1.2.840.10008.1.2.1"
    assert (await bare(strict, PLAIN)).status_code == 406


async def test_n2_anything_gets_the_default(full: Site) -> None:
    answer = await full.get(PLAIN, "*/*")
    assert answer.headers["content-type"].startswith(MULTIPART)
    assert (await full.get(PLAIN + "/metadata", "*/*")).headers["content-type"] == "application/dicom+json"


async def test_n3_multipart_without_a_type_gets_the_default(full: Site) -> None:
    assert (await full.get(PLAIN, "multipart/related")).headers["content-type"].startswith(MULTIPART)


async def test_n4_any_multipart(full: Site) -> None:
    assert (await full.get(PLAIN, "multipart/*")).headers["content-type"].startswith(MULTIPART)


@pytest.mark.parametrize(
    "accept", ["multipart/related; type=application/dicom", "multipart/related;type=application/dicom;transfer-syntax=*"]
)
async def test_n5_an_unquoted_type(full: Site, accept: str) -> None:
    assert (await full.get(PLAIN, accept)).status_code == 200


async def test_n6_a_quoted_type(full: Site) -> None:
    assert (await full.get(PLAIN, MULTIPART)).status_code == 200


async def test_n7_case_is_irrelevant(full: Site) -> None:
    assert (await full.get(PLAIN, 'MultiPart/RELATED; Type="Application/DICOM"; Transfer-Syntax=*')).status_code == 200


async def test_n8_a_weight_of_zero_excludes(full: Site) -> None:
    assert (await full.get(PLAIN, MULTIPART + "; q=0")).status_code == 406


async def test_n9_the_higher_weight_wins_and_equal_weights_go_by_order(full: Site) -> None:
    single, many = "application/dicom; q={}", MULTIPART + "; q={}"
    for accept, kind in (
        (f"{single.format(0.4)}, {many.format(0.9)}", "multipart/related"),
        (f"{single.format(0.9)}, {many.format(0.4)}", "application/dicom"),
        (f"{single.format(0.5)}, {many.format(0.5)}", "application/dicom"),
        (f"{many.format(0.5)}, {single.format(0.5)}", "multipart/related"),
    ):
        assert (await full.get(PLAIN, accept)).headers["content-type"].startswith(kind), accept


async def test_n10_the_accept_parameter_goes_before_the_header(full: Site) -> None:
    answer = await full.get(PLAIN + "?accept=application/dicom", MULTIPART)
    assert answer.headers["content-type"].startswith("application/dicom")


async def test_n11_an_accept_parameter_that_does_not_fit_falls_back_to_the_header(full: Site) -> None:
    answer = await full.get(PLAIN + "?accept=image/png", MULTIPART)
    assert answer.headers["content-type"].startswith(MULTIPART)


async def test_n12_one_that_fits_among_others_is_enough(full: Site) -> None:
    assert (await full.get(PLAIN, f"image/png, {MULTIPART}")).status_code == 200


async def test_n13_a_refusal_names_what_is_on_offer(full: Site) -> None:
    answer = await full.get(PLAIN, "image/png")
    assert answer.status_code == 406
    assert MULTIPART + "; transfer-syntax=1.2.840.10008.1.2.1" in answer.json()["offers"]


async def test_n14_a_single_part_is_for_one_instance_only(full: Site) -> None:
    assert (await full.get(PLAIN, "application/dicom")).headers["content-type"].startswith("application/dicom;")
    assert (await full.get(f"/studies/{STUDY}", "application/dicom")).status_code == 406
    assert (await full.get(f"/studies/{STUDY}", f"application/dicom, {MULTIPART}; transfer-syntax=*")).status_code == 200


async def test_n15_two_transfer_syntaxes_in_one_range_are_400(full: Site) -> None:
    twice = "transfer-syntax=1.2.840.10008.1.2.1; transfer-syntax=1.2.840.10008.1.2.4.50"
    assert (await full.get(PLAIN, f"{MULTIPART}; {twice}")).status_code == 400


async def test_n16_an_unknown_transfer_syntax_is_406(full: Site) -> None:
    assert (await full.get(PLAIN, MULTIPART + "; transfer-syntax=1.2.3.4.5.6")).status_code == 406


@pytest.mark.parametrize("uid", ["1.1", "1.4", "1.5"])
async def test_n17_any_transfer_syntax_gives_the_stored_bytes(full: Site, uid: str) -> None:
    answer = await full.get(f"/studies/{STUDY}/series/{SERIES}/instances/{uid}", MULTIPART + "; transfer-syntax=*")
    (part,) = parts_of(answer)
    assert part.body == STORED[uid]({"study_uid": STUDY, "series_uid": SERIES, "instance_uid": uid})


async def test_n18_implicit_goes_out_as_explicit(full: Site) -> None:
    assert syntax_of(await full.get(IMPLICIT, MULTIPART + "; transfer-syntax=*")) == "1.2.840.10008.1.2.1"


async def test_n19_big_endian_goes_out_with_its_pixels_swapped(full: Site) -> None:
    answer = await full.get(BIG_ENDIAN + "/frames/1", OCTETS)
    assert syntax_of(answer) == "1.2.840.10008.1.2.1"
    # The builder writes the same bytes in both syntaxes, so that the big endian ones mean other numbers.
    as_written = array("H", parts_of(await full.get(PLAIN + "/frames/1", OCTETS))[0].body)
    as_written.byteswap()
    assert parts_of(answer)[0].body == as_written.tobytes()


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
async def test_n20_a_lossless_form_goes_out_decompressed_where_no_syntax_is_named(site: Site, syntax: str) -> None:
    uids = {"study_uid": STUDY, "series_uid": SERIES, "instance_uid": "1.1"}
    await site.store(compressed(syntax, **uids))
    native = dataset(rows=32, columns=32).PixelData
    for accept in (MULTIPART, "application/dicom"):
        answer = await site.get(PLAIN, accept)
        content = parts_of(answer)[0].body if accept == MULTIPART else answer.content
        made = pydicom.dcmread(io.BytesIO(content))
        assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert made.PixelData == native
    answer = await site.get(PLAIN + "/frames/1", 'multipart/related; type="application/octet-stream"')
    assert syntax_of(answer) == ExplicitVRLittleEndian
    assert parts_of(answer)[0].body == native


async def test_n21_a_lossy_form_goes_out_as_stored_where_no_syntax_is_named(full: Site) -> None:
    assert syntax_of(await full.get(LOSSY, MULTIPART)) == JPEGBaseline8Bit


async def test_n22_a_video_goes_out_as_stored_where_no_syntax_is_named(full: Site) -> None:
    assert syntax_of(await full.get(VIDEO, MULTIPART)) == MPEG4HP41
    assert (await full.get(VIDEO + "/frames/1", OCTETS)).status_code == 406


async def test_n23_a_boundary_in_the_accept_header_is_ignored(full: Site) -> None:
    assert (await full.get(PLAIN, MULTIPART + "; boundary=**")).status_code == 200


async def test_n24_jpeg_without_a_syntax_means_the_lossless_one(full: Site) -> None:
    answer = await full.get(LOSSLESS_JPEG + "/frames/1", 'multipart/related; type="image/jpeg"')
    assert parts_of(answer)[0].content_type == f"image/jpeg; transfer-syntax={JPEGLosslessSV1}"
    assert parts_of(answer)[0].body == JPEG
    answer = await full.get(LOSSLESS + "/frames/1", 'multipart/related; type="image/jpeg"')
    assert parts_of(answer)[0].content_type == f"image/jpeg; transfer-syntax={JPEGLosslessSV1}", "what is stored otherwise becomes that"


@pytest.mark.parametrize("uid", list(STORED))
async def test_n25_the_syntax_of_the_part_is_that_of_the_file(full: Site, uid: str) -> None:
    answer = await full.get(f"/studies/{STUDY}/series/{SERIES}/instances/{uid}", MULTIPART + "; transfer-syntax=*")
    (part,) = parts_of(answer)
    assert part.content_type.count("transfer-syntax") == 1
    assert part.content_type.partition("transfer-syntax=")[2].encode() in part.body[132:600]


async def test_n26_dicom_and_rendered_types_side_by_side_are_400_where_strict(full: Site, strict: Site) -> None:
    mixed = f"{MULTIPART}, image/png"
    assert (await full.get(PLAIN, mixed)).status_code == 200
    assert (await strict.get(PLAIN, mixed)).status_code == 400


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom+json; transfer-syntax=1.2.840.10008.1.2.1",  # n27
        "application/dicom+json; charset=utf-8",  # n28
        "application/dicom+json; charset=koi8-r",  # n28
        "application/json",  # n29
    ],
)
async def test_n27_n28_n29_json_by_any_of_its_names(full: Site, accept: str) -> None:
    answer = await full.get(PLAIN + "/metadata", accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"


@pytest.mark.parametrize("accept", [";;;,,,===", '"', "a/b/c", "\\", "multipart/related; type=", "*/*;q=x", "é/*"])
async def test_n30_garbage_is_ignored_or_400_and_a_long_header_is_read_at_once(full: Site, accept: str) -> None:
    answer = await full.http.get(PLAIN, headers=[(b"accept", accept.encode("latin-1"))])
    assert answer.status_code in {200, 400, 406}
    long = ", ".join(f'multipart/related; type="image/x-{"y" * 60}{n}"; transfer-syntax=1.2.{n}' for n in range(60))
    began = time.perf_counter()
    assert (await full.get(PLAIN, long)).status_code == 406
    assert time.perf_counter() - began < 1
