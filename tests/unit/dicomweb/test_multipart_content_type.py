"""The Content-Type of a Store request (PS3.18 10.5.1; statements S1, S6, S7, S29 of the test digest)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.multipart import STORE_OFFERS, StowContent, boundary_of, content_type
from app.dicomweb.negotiate import Packaging
from app.errors import BadRequest, UnsupportedMediaType


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', "abc"),
        ('multipart/related; type=application/dicom; boundary="abc"', "abc"),
        ("multipart/related;boundary=abc;type=application/dicom", "abc"),
        ('Multipart/Related; Type="Application/DICOM"; Boundary=aBc', "aBc"),
        ('multipart/related; type="application/dicom"; boundary="a b (c): d=e?"', "a b (c): d=e?"),
        ("multipart/related; type=application/dicom; boundary=a=b/c:d,e", "a=b/c:d,e"),
        (f"multipart/related; type=application/dicom; boundary={'0123456789' * 7}", "0123456789" * 7),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1; boundary=abc", "abc"),
        ('multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"; boundary=abc', "abc"),
        ("multipart/related; boundary=abc", "abc"),
        ("multipart/related; type=application/dicom; boundary=abc; boundary=abc; charset=utf-8;", "abc"),
    ],
)
def test_multipart_of_dicom_gives_its_boundary(text: str, boundary: str) -> None:
    assert boundary_of(text) == StowContent(Packaging.MULTIPART, "application/dicom", boundary)


@pytest.mark.parametrize("text", ["application/dicom", "Application/DICOM; transfer-syntax=1.2.840.10008.1.2.1"])
def test_single_part_has_no_boundary(text: str) -> None:
    assert boundary_of(text) == StowContent(Packaging.SINGLE, "application/dicom")


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("application/dicom+json; charset=utf-8", "application/dicom+json"),
        ("application/json", "application/dicom+json"),
        ("Application/Dicom+XML", "application/dicom+xml"),
        ("application/zip", "application/zip"),
        ("application/x-zip-compressed", "application/zip"),
    ],
)
def test_metadata_and_zip_may_come_as_a_single_part(text: str, media_type: str) -> None:
    assert boundary_of(text) == StowContent(Packaging.SINGLE, media_type)


@pytest.mark.parametrize(
    ("essence", "media_type"),
    [
        ("application/dicom+json", "application/dicom+json"),
        ("application/json", "application/dicom+json"),
        ("application/dicom+xml", "application/dicom+xml"),
    ],
)
def test_metadata_with_bulkdata_comes_as_multipart(essence: str, media_type: str) -> None:
    for type_ in (essence, f'"{essence}"'):
        assert boundary_of(f"multipart/related; type={type_}; boundary=abc") == StowContent(Packaging.MULTIPART, media_type, "abc")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "application/octet-stream",
        "text/html",
        "multipart/form-data; boundary=abc",
        "multipart/related; type=application/pdf; boundary=abc",
        'multipart/related; type="application/zip"; boundary=abc',
    ],
)
def test_other_media_types_are_unsupported_and_the_answer_says_what_is_taken(text: str | None) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        boundary_of(text)
    assert caught.value.offers == STORE_OFFERS
    assert all(offer in caught.value.detail for offer in STORE_OFFERS)


@pytest.mark.parametrize(
    "text",
    [
        "multipart",
        "multipart/related; type=application/dicom",
        "multipart/related; type=application/dicom; boundary=",
        'multipart/related; type=application/dicom; boundary=""',
        f"multipart/related; type=application/dicom; boundary={'a' * 71}",
        'multipart/related; type=application/dicom; boundary="abc "',
        'multipart/related; type=application/dicom; boundary="a@b"',
        "multipart/related; type=application/dicom; boundary=ä",
        'multipart/related; type=application/dicom; boundary="abc',
        "multipart/related; type=application/dicom; boundary=a; boundary=b",
    ],
)
def test_missing_or_illegal_boundary_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest):
        boundary_of(text)


@pytest.mark.parametrize("boundary", ["b", "a b", "'()+_,-./:=?", "0" * 70])
def test_our_own_content_type_is_understood(boundary: str) -> None:
    assert boundary_of(content_type("application/dicom", boundary)).boundary == boundary


@given(st.text(st.sampled_from('multipart/related; type="application/dicom"; boundary=\\\x00ä'), max_size=120) | st.text())
def test_any_text_is_understood_or_a_documented_error(text: str) -> None:
    try:
        boundary_of(text)
    except (BadRequest, UnsupportedMediaType) as error:
        assert error.status in (400, 415)  # noqa: PT017
