"""`/debug/negotiate` says what the server would choose, and never other than what it does."""

from __future__ import annotations

import pytest
from pydicom.uid import JPEG2000Lossless

from tests.api.conftest import Site
from tests.builders import compressed, instance

STUDY, SERIES = "1.2.3", "1.2.3.4"
PLAIN, LOSSLESS = f"/studies/{STUDY}/series/{SERIES}/instances/1.1", f"/studies/{STUDY}/series/{SERIES}/instances/1.4"
EXPLAIN = "/debug/negotiate?resource="


@pytest.fixture
async def full(site: Site) -> Site:
    uids = {"study_uid": STUDY, "series_uid": SERIES}
    await site.store(
        instance(**uids, instance_uid="1.1"),
        compressed(JPEG2000Lossless, study_uid=STUDY, series_uid=SERIES, instance_uid="1.4"),
    )
    return site


@pytest.mark.parametrize("resource", [PLAIN, PLAIN + "/frames/1", PLAIN + "/bulkdata/7FE00010", PLAIN + "/metadata", "/studies", LOSSLESS])
@pytest.mark.parametrize(
    "accept",
    ["*/*", 'multipart/related; type="application/dicom"', "application/dicom", "image/png", "application/dicom+json, */*; q=0.1"],
)
async def test_the_explanation_is_what_happens(full: Site, resource: str, accept: str) -> None:
    explained = (await full.get(EXPLAIN + resource, accept)).json()
    answer = await full.get(resource, accept)
    assert explained["status"] == answer.status_code
    if answer.status_code == 200:
        selected = explained["choices"][-1]["selected"]
        kind = answer.headers["content-type"]
        assert selected.startswith("multipart") == kind.startswith("multipart")
        assert explained["choices"][-1]["acceptable"][0]["offer"] == selected
    else:
        assert explained["choices"][-1]["selected"] is None
        assert set(answer.json()["offers"]) <= set(explained["choices"][-1]["offers"])


async def test_the_accept_parameter_is_told_apart_from_the_header(full: Site) -> None:
    explained = (await full.get(EXPLAIN + PLAIN + "&accept=application/dicom", "multipart/related")).json()
    assert explained["choices"][0]["acceptable"][0]["asked_for_by"] == "accept parameter"
    assert explained["accept"][0]["multipart"] is True


@pytest.mark.parametrize("resource", ["", "studies", "/debug/negotiate?resource=/studies", "http://elsewhere.example/studies"])
async def test_only_resources_of_this_service_can_be_asked_for(full: Site, resource: str) -> None:
    assert (await full.get(EXPLAIN + resource)).status_code == 400


@pytest.mark.parametrize(
    ("resource", "accept", "status"),
    [("/studies/9.9", None, 404), ("/nothing", None, 404), ("/studies?limit=x", None, 400), (PLAIN + "/metadata", "image/png", 406)],
)
async def test_a_refusal_is_told_with_its_status_and_its_sentence(full: Site, resource: str, accept: str | None, status: int) -> None:
    explained = (await full.get(EXPLAIN + resource, accept)).json()
    assert explained["status"] == status
    assert explained["detail"] == (await full.get(resource, accept)).json()["detail"]


async def test_the_explanation_has_a_head_like_everything_that_can_be_read(full: Site) -> None:
    assert (await full.http.head(EXPLAIN + PLAIN)).status_code == 200
