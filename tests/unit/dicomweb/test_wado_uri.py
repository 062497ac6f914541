"""The parameters of the URI service (PS3.18 chapter 9)."""

from __future__ import annotations

import pytest

from app.dicom.picture import Window, WindowShape
from app.dicomweb.rendering import IccProfile, Region, Rendering, View
from app.dicomweb.wado_uri import WadoRequest, parse
from app.errors import BadRequest, InvalidQuery, NotSupported
from app.model import Target, Uid

NAMED = {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.2.3", "objectUID": "1.2.3.4"}
PART10 = {"contentType": "application/dicom"}


def request(header: str | None = None, **values: str | None) -> WadoRequest:
    items = {**NAMED, **values}
    return parse([(name, value) for name, value in items.items() if value is not None], accept=header)


def accept(header: str | None = None, **values: str | None) -> str:
    asked = request(header, **values)
    assert asked.rendering is None
    return asked.accept


def test_a_file_is_asked_for_by_its_three_uids() -> None:
    asked = parse([*NAMED.items(), *PART10.items(), ("viewer", "x")], accept="*/*")
    assert asked.target == Target(Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.4"))
    assert asked.accept == "application/dicom"


def test_the_transfer_syntax_is_named_or_any() -> None:
    assert accept(**PART10, transferSyntax="1.2.840.10008.1.2.4.90") == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90"
    assert accept(**PART10, transferSyntax="*") == "application/dicom; transfer-syntax=*"


@pytest.mark.parametrize(
    "content_type", ["application/dicom", "Application/DICOM", "application/dicom;q=0.5", "image/jpeg;q=0.9,application/dicom"]
)
def test_a_file_is_sent_where_it_is_the_best_of_the_content_types(content_type: str) -> None:
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
    "name",
    [
        "annotation", "charset", "rows", "columns", "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality", "iccprofile",
        "presentationUID", "presentationSeriesUID",
    ],
)  # fmt: skip
def test_a_file_takes_no_parameter_of_pictures(name: str) -> None:
    with pytest.raises(InvalidQuery, match=name):
        request(**PART10, **{name: "1"})


@pytest.mark.parametrize(
    ("values", "header", "accepted"),
    [
        ({}, None, "*/*"),
        ({}, "*/*", "*/*"),
        ({}, "image/png", "image/png"),
        ({}, "text/html,*/*;q=0.8", "text/html,*/*;q=0.8"),
        ({"contentType": "image/jpeg"}, "application/dicom", "image/jpeg"),
        ({"contentType": "image/gif,application/dicom;q=0.5"}, None, "image/gif,application/dicom;q=0.5"),
        ({"contentType": "*/*"}, None, "*/*"),
        ({"contentType": "application/zip"}, "*/*", "application/zip"),
    ],
)
def test_whatever_is_no_file_is_rendered_in_the_types_that_are_named(values: dict[str, str], header: str | None, accepted: str) -> None:
    asked = request(header, **values)
    assert asked.rendering == Rendering(View())
    assert asked.accept == accepted
    assert (asked.frame, asked.presentation) == (None, None)


def test_the_parameters_of_a_picture() -> None:
    asked = request(
        rows="256", columns="128", region="0.25,0,0.75,1", windowCenter="-600.5", windowWidth="1500", frameNumber="7", imageQuality="85",
        annotation="technique,dose", iccprofile="srgb", charset="utf-8",
    )  # fmt: skip
    assert asked.rendering is not None
    assert asked.rendering.view == View(
        columns=128,
        rows=256,
        region=Region(0.25, 0, 0.5, 1),
        relative=True,
        window=Window(-600.5, 1500, WindowShape.LINEAR),
        quality=85,
        annotations=frozenset({"technique"}),
        icc_profile=IccProfile.SRGB,
    )
    assert asked.rendering.warnings == ("The following annotation values are not supported: dose",)
    assert asked.frame == 7


def test_one_of_rows_and_columns_is_enough() -> None:
    assert request(rows="5").rendering == Rendering(View(rows=5))
    assert request(columns="5").rendering == Rendering(View(columns=5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": "0"},
        {"rows": ""},
        {"columns": "-1"},
        {"columns": "1.5"},
        {"rows": "65536"},
        {"region": "0,0,1"},
        {"region": "0,0,1,1,1"},
        {"region": "0,0,1.1,1"},
        {"region": "-0.1,0,1,1"},
        {"region": "0.5,0,0.5,1"},
        {"region": "0,0.9,1,0.1"},
        {"region": "0,0,1,x"},
        {"windowCenter": "40"},
        {"windowWidth": "400"},
        {"windowCenter": "40", "windowWidth": "0.5"},
        {"windowCenter": "", "windowWidth": "400"},
        {"frameNumber": "0"},
        {"frameNumber": "-1"},
        {"frameNumber": "1,2"},
        {"frameNumber": ""},
        {"imageQuality": "0"},
        {"imageQuality": "101"},
        {"annotation": ""},
        {"iccprofile": "cmyk"},
        {"transferSyntax": "*"},
        {"contentType": "image/jpeg;transfer-syntax=1.2.840.10008.1.2.4.50"},
        {"presentationUID": "1.2.9"},
        {"presentationSeriesUID": "1.2.9"},
        {"presentationUID": "x", "presentationSeriesUID": "1.2.9"},
        {"presentationUID": "1.2.9", "presentationSeriesUID": "1.2.8", "region": "0,0,1,1"},
        {"presentationUID": "1.2.9", "presentationSeriesUID": "1.2.8", "windowCenter": "1", "windowWidth": "2"},
    ],
)
def test_a_parameter_of_pictures_that_is_wrong_is_a_bad_request(wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        request(**wrong)


def test_a_presentation_state_is_an_instance_of_the_same_study() -> None:
    asked = request(presentationUID="1.2.9", presentationSeriesUID="1.2.8", rows="100", imageQuality="50", frameNumber="2")
    assert asked.presentation == Target(Uid("1.2"), Uid("1.2.8"), Uid("1.2.9"))


@pytest.mark.parametrize("values", [{}, PART10])
def test_nothing_is_anonymized(values: dict[str, str]) -> None:
    with pytest.raises(NotSupported):
        request(**values, anonymize="yes")
