"""What is shown as it is: videos and encapsulated documents, at the instance and as parts of a study (PS3.18 8.7.4, 10.4.1.1.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Site
from tests.builders import encapsulated, instance
from tests.parts import parts_of

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}
RENDERED = f"/studies/{S}/series/{E}/instances/{N}/rendered"
MPEG4, MPEG2, HEVC = (f"1.2.840.10008.1.2.4.{number}" for number in ("102", "100", "107"))
MOVIE = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 8 + b"%%EOF"
CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
BROWSER_OBJECT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
BROWSER_VIDEO = "video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5"


def document(sop_class: str, content: bytes, media_type: str | None, **keywords: Any) -> bytes:
    padded = content + bytes(len(content) % 2)
    length = {"EncapsulatedDocumentLength": len(content)}
    named = {"MIMETypeOfEncapsulatedDocument": media_type} if media_type else {}
    return instance(rows=0, SOPClassUID=sop_class, EncapsulatedDocument=padded, **(UIDS | length | named | keywords))


def pdf(content: bytes = PDF, **keywords: Any) -> bytes:
    return document("1.2.840.10008.5.1.4.1.1.104.1", content, "application/pdf", **keywords)


@pytest.mark.parametrize(
    ("syntax", "media_type"), [(MPEG4, "video/mp4"), (MPEG2, "video/mpeg"), (HEVC, "video/H265"), (f"{MPEG4}.1", "video/mp4")]
)
async def test_t14_a_video_is_its_stream_as_stored(site: Site, syntax: str, media_type: str) -> None:
    await site.store(encapsulated([MOVIE], syntax, bot=False, **UIDS, NumberOfFrames=25))
    answer = await site.get(RENDERED, BROWSER_VIDEO)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(MOVIE))
    assert answer.content == MOVIE


@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_t14_a_video_in_fragments_plays_by_ranges(site: Site, pieces: int) -> None:
    await site.store(encapsulated([MOVIE], MPEG4, bot=False, fragments_per_frame=pieces, **UIDS, NumberOfFrames=25))
    assert (await site.get(RENDERED)).content == MOVIE
    for first, last in ((0, None), (0, 1), (1461, 1464), (5000, 9000), (len(MOVIE) - 3, None)):
        asked = f"bytes={first}-{'' if last is None else last}"
        answer = await site.get(RENDERED, BROWSER_VIDEO, Range=asked)
        assert answer.status_code == 206
        assert answer.content == MOVIE[first : None if last is None else last + 1]
        assert answer.headers["content-range"].endswith(f"/{len(MOVIE)}")
    assert (await site.get(RENDERED, Range="bytes=99999999-")).status_code == 416
    assert (await site.http.head(RENDERED)).headers["content-length"] == str(len(MOVIE))


async def test_a_video_in_very_many_fragments_comes_whole(site: Site) -> None:
    await site.store(encapsulated([MOVIE], MPEG4, bot=False, fragments_per_frame=300, **UIDS, NumberOfFrames=25))
    answer = await site.get(RENDERED, BROWSER_VIDEO)
    assert answer.content == MOVIE
    assert answer.headers["accept-ranges"] == "none"


async def test_a_video_has_no_single_frames_and_no_picture_but_an_icon(site: Site) -> None:
    await site.store(encapsulated([MOVIE], MPEG4, bot=False, **UIDS, NumberOfFrames=25))
    place = RENDERED.removesuffix("/rendered")
    assert (await site.get(f"{place}/frames/1/rendered")).status_code == 406
    refused = await site.get(RENDERED, "image/png")
    assert refused.status_code == 406
    assert refused.json()["offers"] == ["video/mp4", 'multipart/related; type="video/mp4"']
    assert (await site.get(f"{place}/thumbnail")).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("content", [PDF, PDF + b"!", b"%PDF tiny", b"%PDF tiny!"], ids=["odd", "even", "inline odd", "inline even"])
@pytest.mark.parametrize("accept", [BROWSER_OBJECT, "*/*", "application/pdf", None])
async def test_t13_a_pdf_is_itself_to_be_shown_in_place(site: Site, content: bytes, accept: str | None) -> None:
    await site.store(pdf(content))
    answer = await site.get(RENDERED, accept)
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'inline; filename="document.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-frame-options" not in answer.headers
    assert "content-security-policy" not in answer.headers
    assert (await site.get(RENDERED, accept, Range="bytes=0-3")).content == b"%PDF"


async def test_t13_a_pdf_without_a_media_type_of_its_own_is_one_by_its_class(site: Site) -> None:
    await site.store(document("1.2.840.10008.5.1.4.1.1.104.1", PDF, None))
    assert (await site.get(RENDERED)).headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("sop_class", "content", "media_type"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.2", CDA, "text/xml"),
        ("1.2.840.10008.5.1.4.1.1.104.3", b"solid\n" * 400, "model/stl"),
        ("1.2.840.10008.5.1.4.1.1.104.4", b"v 0 0 0\n" * 300, "model/obj"),
        ("1.2.840.10008.5.1.4.1.1.104.5", b"newmtl a\n" * 300, "model/mtl"),
    ],
)
async def test_other_documents_are_themselves_too(site: Site, sop_class: str, content: bytes, media_type: str) -> None:
    await site.store(document(sop_class, content, media_type))
    answer = await site.get(RENDERED, BROWSER_OBJECT)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, media_type, content)


@pytest.mark.parametrize("said", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])
async def test_nobody_chooses_what_a_browser_runs(site: Site, said: str) -> None:
    page = b"<script>alert(1)</script>" * 100
    await site.store(document("1.2.840.10008.5.1.4.1.1.104.1", page, said))
    assert (await site.get(RENDERED)).headers["content-type"] == "application/pdf"
    await site.store(document("1.2.840.10008.5.1.4.1.1.7", page, said, instance_uid="1.9"))
    assert (await site.get(RENDERED.replace(N, "1.9"))).status_code == 422


@pytest.mark.parametrize("path", [RENDERED, RENDERED.replace("rendered", "bulkdata/00420011")])
async def test_an_xml_document_has_an_origin_of_its_own(site: Site, path: str) -> None:
    await site.store(document("1.2.840.10008.5.1.4.1.1.104.2", CDA * 30, "text/xml"))
    policy = (await site.get(path)).headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy


async def test_a_document_that_is_not_there_is_told(site: Site) -> None:
    await site.store(instance(**UIDS, rows=0, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"))
    assert (await site.get(RENDERED)).status_code == 422


async def test_what_has_nothing_to_show_is_422_at_every_level(site: Site) -> None:
    await site.store(instance(**UIDS, rows=0))
    for path in (RENDERED, f"/studies/{S}/series/{E}/rendered", f"/studies/{S}/rendered"):
        answer = await site.get(path)
        assert answer.status_code == 422
        assert "Doe" not in answer.text
        assert (await site.get(path.replace("rendered", "thumbnail"))).headers["content-type"] == "image/jpeg"
    assert (await site.get(RENDERED.replace("/rendered", "/frames/1/rendered"))).status_code == 404
    assert (await site.get(RENDERED.replace("/rendered", "/frames/1/thumbnail"))).status_code == 404


async def test_t11_a_study_is_multipart_also_with_one_document(site: Site) -> None:
    await site.store(pdf())
    for path in (f"/studies/{S}/rendered", f"/studies/{S}/series/{E}/rendered"):
        answer = await site.get(path)
        assert answer.headers["content-type"].startswith('multipart/related; type="application/pdf"; boundary=')
        (part,) = parts_of(answer)
        assert (part.content_type, part.body) == ("application/pdf", PDF)
        assert part.location.endswith(RENDERED)
        refused = await site.get(path, "application/pdf")
        assert refused.status_code == 406
        assert refused.json()["offers"] == ['multipart/related; type="application/pdf"']


async def test_what_cannot_be_shown_is_left_out_of_a_study_and_told(site: Site) -> None:
    await site.store(pdf(), instance(study_uid=S, rows=0), encapsulated([MOVIE], MPEG4, bot=False, study_uid=S, NumberOfFrames=25))
    answer = await site.get(f"/studies/{S}/rendered")
    assert answer.status_code == 206
    assert answer.headers["warning"].startswith('299 radiolucent "1 instances have no form')
    assert [part.content_type for part in parts_of(answer)] == ["application/pdf", "video/mp4"]
    only = await site.get(f"/studies/{S}/rendered", 'multipart/related; type="video/mp4"')
    assert only.status_code == 206
    assert only.headers["warning"].startswith('299 radiolucent "2 instances')
    assert [part.content_type for part in parts_of(only)] == ["video/mp4"]


async def test_documents_have_validators(site: Site) -> None:
    await site.store(pdf())
    first = await site.get(RENDERED)
    assert first.headers["cache-control"] == "private, no-cache"
    for path in (RENDERED, f"/studies/{S}/rendered"):
        tag = (await site.get(path)).headers["etag"]
        again = await site.get(path, **{"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")


async def test_each_retrieval_is_audited_with_its_target_and_a_warning_names_what_was_asked_in_vain(site: Site) -> None:
    await site.store(pdf())
    answer = await site.get(f"{RENDERED}?annotation=patient,dose")
    assert answer.headers["warning"] == '299 radiolucent "The following annotation values are not supported: dose"'
    record = site.audit()[-1]
    assert record["action"] == "retrieve"
    assert N in str(record)
    assert "rendered" in str(record)
