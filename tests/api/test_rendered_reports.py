"""SR documents, key objects and other reports as a browser gets them."""

from __future__ import annotations

import re
from io import BytesIO
from xml.etree import ElementTree

import pytest
from PIL import Image
from pydicom.dataset import Dataset

from tests.api.conftest import Site
from tests.builders import instance, part10
from tests.images import PLACE, UIDS, E, N, S, grey, ramp
from tests.parts import parts_of
from tests.reports import document, evidence, item, number, reference
from tests.unit.dicom.corpus_files import corpus_file
from tests.unit.dicomweb.html_reader import read

RENDERED = f"{PLACE}/rendered"
CT = "1.2.840.10008.5.1.4.1.1.2"
CLASSES = {
    "Basic Text SR": "88.11",
    "Enhanced SR": "88.22",
    "Comprehensive SR": "88.33",
    "Procedure Log": "88.40",
    "Mammography CAD SR": "88.50",
    "Key Object Selection": "88.59",
    "X-Ray Radiation Dose SR": "88.67",
    "Acquisition Context SR": "88.71",
}


def report(*children: Dataset, **keywords: object) -> bytes:
    given: dict[str, object] = UIDS | keywords
    return part10(document("Chest Report", *(children or (item("TEXT", "Finding", TextValue="A nodule"),)), **given))


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "text/*", "image/png, text/html;q=0.2"])
async def test_t12_a_report_is_html_in_utf_8_in_which_nothing_runs(site: Site, accept: str | None) -> None:
    await site.store(report(patient_name="<script>alert(1)</script>"))
    answer = await site.get(RENDERED, accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-disposition"] == 'inline; filename="document.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "unsafe" not in policy
    seen = read(answer.content)
    assert "<script>alert(1)</script>" in seen.words
    assert seen.words.endswith("Finding A nodule")


async def test_t12_a_report_is_plain_text_and_xml_too(site: Site) -> None:
    await site.store(report(number("Length", "12.5"), patient_name="<b>&"))
    plain = await site.get(RENDERED, "text/plain")
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Patient: <b>&\n" in plain.text
    assert "Length: 12.5 mm\n" in plain.text
    xml = await site.get(f"{RENDERED}?accept=text/xml")
    assert xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert "sandbox" in xml.headers["content-security-policy"]
    assert "<b>&" in "".join(ElementTree.fromstring(xml.content).itertext())


@pytest.mark.parametrize("tail", CLASSES.values(), ids=CLASSES)
async def test_every_class_with_a_content_sequence_is_a_report(site: Site, tail: str) -> None:
    await site.store(report(SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{tail}"))
    answer = await site.get(RENDERED)
    assert "Finding A nodule" in read(answer.content).words


async def test_links_lead_to_what_this_server_renders(shared_site: Site) -> None:
    image = grey(ramp(), 16, 16, instance_uid="1.2.3.4.6")
    listed = evidence(S, E, (CT, "1.2.3.4.6"))
    shown = item("IMAGE", "Key image", ReferencedSOPSequence=reference(CT, "1.2.3.4.6"))
    await shared_site.store(image, report(shown, CurrentRequestedProcedureEvidenceSequence=listed))
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example.org"}
    answer = await shared_site.get(RENDERED, "text/html", **headers)
    links = read(answer.content).links
    assert len(links) == 2
    assert set(links) == {f"https://pacs.example.org/dicom-web/studies/{S}/series/{E}/instances/1.2.3.4.6/rendered"}
    followed = await shared_site.get(links[0].removeprefix("https://pacs.example.org/dicom-web"))
    assert followed.headers["content-type"] == "image/jpeg"


async def test_a_text_too_long_for_the_metadata_is_read_all_the_same(site: Site) -> None:
    text = "Lange Befunde mit Umlauten: äöüß. " * 1000
    await site.store(report(item("CONTAINER", "Findings", item("TEXT", "Finding", TextValue=text)), SpecificCharacterSet="ISO_IR 100"))
    answer = await site.get(RENDERED)
    assert " ".join(text.split()) in read(answer.content).words


async def test_a_study_is_all_of_its_reports_and_images(site: Site) -> None:
    await site.store(report(), grey(ramp(), 16, 16, series_uid="1.2.3.5", instance_uid="1.2.3.5.1", SeriesNumber=2))
    answer = await site.get(f"/studies/{S}/rendered")
    assert answer.status_code == 200
    assert {part.content_type for part in parts_of(answer)} == {"text/html; charset=utf-8", "image/jpeg"}
    only = await site.get(f"/studies/{S}/rendered", 'multipart/related; type="text/html"')
    assert only.status_code == 206
    (part,) = parts_of(only)
    assert part.location.endswith(RENDERED)
    assert "A nodule" in read(part.body).words
    assert (await site.get(f"/studies/{S}/rendered", "text/html")).status_code == 406


async def test_a_report_has_validators_and_no_frames(site: Site) -> None:
    await site.store(report())
    html, plain = await site.get(RENDERED, "text/html"), await site.get(RENDERED, "text/plain")
    assert html.headers["etag"] != plain.headers["etag"]
    assert (await site.get(RENDERED, "text/html", **{"If-None-Match": html.headers["etag"]})).status_code == 304
    assert (await site.get(f"{PLACE}/frames/1/rendered")).status_code == 404
    refused = await site.get(RENDERED, "image/png")
    assert (refused.status_code, "text/html" in refused.json()["offers"]) == (406, True)


async def test_a_report_by_uri(site: Site) -> None:
    await site.store(report())
    address = f"/wado?requestType=WADO&studyUID={S}&seriesUID={E}&objectUID={N}&contentType=text/html"
    answer = await site.get(address)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "A nodule" in read(answer.content).words


async def test_head_promises_no_length_that_only_writing_can_tell(site: Site) -> None:
    await site.store(report())
    head = await site.http.head(RENDERED)
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/html; charset=utf-8", b"")


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm", "reportsi_with_empty_number_tags.dcm"])
async def test_the_reports_of_the_corpus_can_be_read_and_have_a_thumbnail(site: Site, name: str) -> None:
    stored = (await site.store(corpus_file(name).read_bytes())).json()
    place = stored["00081199"]["Value"][0]["00081190"]["Value"][0]
    seen = read((await site.http.get(f"{place}/rendered")).content)
    assert len(seen.words) > 300
    assert all(re.match(r"https?://127\.0\.0\.1|#item-", link) for link in seen.links)
    assert Image.open(BytesIO((await site.http.get(f"{place}/thumbnail")).content)).size == (256, 256)


async def test_t15_a_series_of_images_and_reports_is_seen_by_an_image(site: Site) -> None:
    await site.store(report(), grey(ramp(40, 30), 40, 30, instance_uid="1.2.3.4.6"), instance(study_uid=S, series_uid=E, rows=0))
    for path in (f"/studies/{S}/series/{E}", f"/studies/{S}"):
        assert Image.open(BytesIO((await site.get(f"{path}/thumbnail")).content)).size == (30, 40)
