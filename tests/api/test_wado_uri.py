"""The URI service (PS3.18 chapter 9) as a user agent sees it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from tests.api.conftest import Site, open_site
from tests.builders import compressed, dataset, encapsulated, instance

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}
NAMED = {"requestType": "WADO", "studyUID": S, "seriesUID": E, "objectUID": N, "contentType": "application/dicom"}
EXPLICIT = "1.2.840.10008.1.2.1"
HIERARCHICAL = "1.2.840.10008.1.2.4.65"


async def wado(site: Site, values: dict[str, str | None] | None = None, path: str = "/wado") -> httpx.Response:
    query = urlencode({name: value for name, value in {**NAMED, **(values or {})}.items() if value is not None})
    return await site.get(f"{path}?{query}")


@pytest.mark.parametrize("path", ["", "/", "/wado"])
async def test_the_file_comes_as_one_part(site: Site, path: str) -> None:
    await site.store(instance(**UIDS))
    answer = await wado(site, path=path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert answer.content == instance(**UIDS)


async def test_the_root_of_a_server_without_base_path_is_the_service(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", http={"base_path": "/"}):
        site.http.base_url = httpx.URL("http://127.0.0.1")
        await site.store(instance(**UIDS))
        assert (await wado(site, path="/")).content == instance(**UIDS)


async def test_what_never_goes_out_is_rewritten(site: Site) -> None:
    await site.store(instance(**UIDS, transfer_syntax=ImplicitVRLittleEndian))
    assert (await wado(site)).headers["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert (await wado(site, {"transferSyntax": EXPLICIT})).status_code == 200
    assert (await wado(site, {"transferSyntax": ImplicitVRLittleEndian})).status_code == 406


async def test_a_compressed_file_comes_where_its_syntax_is_named(site: Site) -> None:
    sent = compressed(JPEG2000Lossless, **UIDS)
    await site.store(sent)
    for syntax in (JPEG2000Lossless, "*"):
        assert (await wado(site, {"transferSyntax": syntax})).content == sent
    for plain in (None, EXPLICIT):
        answer = await wado(site, {"transferSyntax": plain})
        assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT}"
        assert pydicom.dcmread(io.BytesIO(answer.content)).PixelData == dataset(rows=32, columns=32).PixelData
    refused = await wado(site, {"transferSyntax": JPEGBaseline8Bit})
    assert refused.status_code == 406
    assert refused.json()["offers"]


async def test_a_file_that_can_be_nothing_but_lossy_comes_without_being_named(site: Site) -> None:
    sent = encapsulated([b"\xff\xd8\xff" + bytes(31) + b"\xff\xd9"], JPEGBaseline8Bit, **UIDS)
    await site.store(sent)
    assert (await wado(site)).content == sent


async def test_a_syntax_that_cannot_be_had_is_refused_with_the_parameter_that_helps(site: Site) -> None:
    await site.store(encapsulated([b"\xff\xd8\xff" + bytes(30)], HIERARCHICAL, **UIDS))
    for syntax in (None, ExplicitVRLittleEndian):
        refused = await wado(site, {"transferSyntax": syntax})
        assert refused.status_code == 406
        assert "transferSyntax=*" in refused.json()["detail"]
        assert refused.json()["offers"] == [f"application/dicom; transfer-syntax={HIERARCHICAL}"]
    assert (await wado(site, {"transferSyntax": "*"})).status_code == 200


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"requestType": "IID"}, 400),
        ({"requestType": None}, 400),
        ({"studyUID": None}, 400),
        ({"objectUID": "../../x"}, 400),
        ({"transferSyntax": "x"}, 400),
        ({"annotation": "patient"}, 400),
        ({"anonymize": "maybe"}, 400),
        ({"objectUID": "1.2.3.4.6"}, 404),
        ({"seriesUID": "1.2.3.5"}, 404),
        ({"contentType": "application/json"}, 406),
        ({"anonymize": "yes"}, 501),
        ({"contentType": None, "anonymize": "yes"}, 501),
        ({"rows": "100"}, 400),
        ({"presentationUID": "1.2.9", "presentationSeriesUID": "1.2.8"}, 400),
        ({"contentType": "image/tiff"}, 406),
        ({"contentType": "multipart/related"}, 406),
    ],
)
async def test_the_status_tells_what_was_wrong(site: Site, values: dict[str, str | None], status: int) -> None:
    await site.store(instance(**UIDS))
    answer = await wado(site, values)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"Doe" not in answer.content


async def test_the_accept_parameter_of_the_other_services_means_nothing_here(site: Site) -> None:
    await site.store(instance(**UIDS))
    assert (await wado(site, {"accept": "image/png"})).status_code == 200


async def test_validators_and_ranges_hold_here_too(site: Site) -> None:
    await site.store(instance(**UIDS))
    path = "/wado?" + urlencode(NAMED)
    tag = (await site.get(path)).headers["etag"]
    assert (await site.get(path, **{"If-None-Match": tag})).status_code == 304
    assert (await site.get(path, Range="bytes=128-131")).content == b"DICM"
    assert (await site.http.head(path)).headers["content-length"] == str(len(instance(**UIDS)))


async def test_each_retrieval_is_audited_with_its_target(site: Site) -> None:
    await site.store(instance(**UIDS))
    await wado(site)
    record = site.audit()[-1]
    assert record["action"] == "retrieve"
    assert N in str(record)
