"""The parameters of the URI service (PS3.18 chapter 9)."""

from __future__ import annotations

import pytest

from app.dicomweb.wado_uri import parse
from app.errors import BadRequest, DicomwebError, NotAcceptable, NotSupported
from app.model import Target, Uid

NAMED = {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.2.3", "objectUID": "1.2.3.4"}
PART10 = {"contentType": "application/dicom"}


def accept(header: str | None = None, **values: str | None) -> str:
    items = {**NAMED, **values}
    return parse([(name, value) for name, value in items.items() if value is not None], accept=header).accept


def test_a_file_is_asked_for_by_its_three_uids() -> None:
    asked = parse([*NAMED.items(), *PART10.items(), ("frameNumber", "1"), ("viewer", "x")], accept="*/*")
    assert asked.target == Target(Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.4"))
    assert asked.accept == "application/dicom"


def test_the_transfer_syntax_is_named_or_any() -> None:
    assert accept(**PART10, transferSyntax="1.2.840.10008.1.2.4.90") == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90"
    assert accept(**PART10, transferSyntax="*") == "application/dicom; transfer-syntax=*"


@pytest.mark.parametrize(
    "content_type", ["application/dicom", "Application/DICOM", "application/dicom;q=0.5", "image/jpeg,application/dicom"]
)
def test_a_file_is_sent_where_it_is_among_the_content_types(content_type: str) -> None:
    assert accept(contentType=content_type) == "application/dicom"


def test_without_content_type_the_header_may_ask_for_a_file() -> None:
    assert accept("text/html, application/dicom;q=0.9") == "application/dicom"


@pytest.mark.parametrize(
    "wrong",
    [
        {"requestType": None},
        {"requestType": "wado"},
        {"requestType": "IID"},
        {"studyUID": None},
        {"seriesUID": ""},
        {"objectUID": "1.2,1.3"},
        {"objectUID": "1.2\\1.3"},
        {"objectUID": "../x"},
        {"transferSyntax": "1.2,1.3"},
        {"transferSyntax": "jpeg"},
        {"transferSyntax": ""},
        {"contentType": "nonsense"},
        {"contentType": "application/dicom;transfer-syntax=1.2.840.10008.1.2.1"},
        {"annotation": "patient"},
        {"anonymize": "no"},
    ],
)
def test_what_breaks_the_grammar_is_a_bad_request(wrong: dict[str, str | None]) -> None:
    with pytest.raises(BadRequest):
        accept(**{**PART10, **wrong})


@pytest.mark.parametrize("name", ["requestType", "studyUID", "contentType", "transferSyntax"])
def test_a_parameter_given_twice_is_a_bad_request(name: str) -> None:
    items = [*NAMED.items(), *PART10.items(), ("transferSyntax", "1.2.3")]
    with pytest.raises(BadRequest, match=name):
        parse([*items, (name, dict(items)[name])], accept=None)


@pytest.mark.parametrize(
    ("values", "header", "error"),
    [
        ({}, None, NotSupported),
        ({}, "*/*", NotSupported),
        ({}, "image/png", NotSupported),
        ({"contentType": "image/jpeg"}, "application/dicom", NotSupported),
        ({"contentType": "*/*"}, None, NotSupported),
        ({"contentType": "application/zip"}, None, NotAcceptable),
        ({"contentType": "application/dicom;q=0, application/json"}, None, NotAcceptable),
        ({**PART10, "anonymize": "yes"}, None, NotSupported),
    ],
)
def test_what_the_service_does_not_have_is_refused(values: dict[str, str], header: str | None, error: type[DicomwebError]) -> None:
    with pytest.raises(error):
        accept(header, **values)
