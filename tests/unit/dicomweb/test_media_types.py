"""Media types and Accept headers as they come from the field (PS3.18 8.7.3.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.media_types import MAX_RANGES, MAX_TEXT, MediaRange, MediaType, canonical, parse, parse_accept
from app.errors import BadRequest

DICOM = MediaRange("application/dicom", multipart=True)

SLIDE_HEADER = ", ".join(
    [
        *(
            f'multipart/related; type="{essence}"; transfer-syntax=1.2.840.10008.1.2.4.{number}'
            for essence, number in [
                ("image/jls", 80),
                ("image/jls", 81),
                ("image/jp2", 90),
                ("image/jp2", 91),
                ("image/jpx", 92),
                ("image/jpx", 93),
            ]
        ),
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50',
    ]
)


def test_parse_gives_lower_case_names_and_values_without_quotes() -> None:
    found = parse('Multipart/Related; TYPE="application/dicom" ;Boundary = "a b";start=x')
    assert found == MediaType("multipart", "related", (("type", "application/dicom"), ("boundary", "a b"), ("start", "x")))
    assert (found.essence, found.get("boundary"), found.get("charset")) == ("multipart/related", "a b", None)


def test_parse_unescapes_quoted_pairs_and_keeps_semicolons_in_quotes() -> None:
    assert parse(r'a/b; x="1\"2;3\\"; y=2').parameters == (("x", '1"2;3\\'), ("y", "2"))


@pytest.mark.parametrize("text", ["a/b;", "a/b ; ;x=1;", "a/b;flag;x=1", " a/b ;x=1"])
def test_parse_forgives_empty_and_valueless_parameters(text: str) -> None:
    assert parse(text).essence == "a/b"


@pytest.mark.parametrize("text", ["", "a", "a/", "/b", "a/b c", 'a/b; x="open', 'a/b; x="1"2', "a b/c", "a/b\r\nX: y", "a/b;x=\x00", "ä/b"])
def test_parse_refuses_what_is_no_media_type(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        "multipart/related;type=application/dicom",
        'MULTIPART/Related; Type="Application/DICOM"',
        'multipart/related; type="application/dicom"; boundary=**',
        'multipart/related; boundary="x,y;z"; type=application/dicom',
        'multipart/related; type="application/dicom;"',
    ],
)
def test_multipart_ranges_are_equal_quoted_unquoted_and_in_any_case(text: str) -> None:
    assert parse_accept(text) == (DICOM,)


@pytest.mark.parametrize("text", ["multipart/related", "multipart/*", 'multipart/related; type="*/*"', "multipart/related;boundary=**"])
def test_multipart_without_type_leaves_the_type_open(text: str) -> None:
    assert parse_accept(text) == (MediaRange("*/*", multipart=True),)


def test_single_part_range_and_full_wildcard() -> None:
    assert parse_accept("application/dicom, */*") == (MediaRange("application/dicom"), MediaRange("*/*", multipart=None))


def test_q_orders_and_equal_q_keeps_the_order_listed() -> None:
    found = parse_accept("a/a;q=0.5, b/b, c/c;q=0, d/d;q=1.0, e/e;q=.75")
    assert [item.essence for item in found] == ["b/b", "d/d", "e/e", "a/a", "c/c"]
    assert found[-1].q == 0


def test_q_above_one_counts_as_one() -> None:
    assert [item.essence for item in parse_accept("a/a, b/b;q=5")] == ["a/a", "b/b"]


def test_plain_wildcard_comes_after_named_types_of_equal_q() -> None:
    assert [item.essence for item in parse_accept("*/*, a/a, b/b;q=0.9")] == ["a/a", "*/*", "b/b"]


def test_transfer_syntax_of_a_range_is_read_quoted_or_not() -> None:
    for value in ("1.2.840.10008.1.2.4.80", '"1.2.840.10008.1.2.4.80"'):
        assert parse_accept(f"multipart/related; type=image/jls; transfer-syntax={value}")[0].transfer_syntax == "1.2.840.10008.1.2.4.80"
    assert parse_accept("application/dicom; transfer-syntax=*")[0].transfer_syntax == "*"
    assert parse_accept("application/dicom; transfer-syntax=")[0].transfer_syntax is None


def test_transfer_syntax_inside_the_quoted_type_is_understood() -> None:
    found = parse_accept('multipart/related; type="image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"')
    assert found == (MediaRange("image/jpeg", multipart=True, transfer_syntax="1.2.840.10008.1.2.4.50"),)


@pytest.mark.parametrize(
    "text",
    [
        "application/dicom; transfer-syntax=1.2.3,1.2.4",
        "application/dicom; transfer-syntax=1.2.3, 1.2.4;q=0.5",
        'application/dicom; transfer-syntax="1.2.3,1.2.4"',
        'application/dicom; transfer-syntax="1.2.3 1.2.4"',
        r'application/dicom; transfer-syntax="1.2.3\\1.2.4"',
        "application/dicom; transfer-syntax=1.2.3; transfer-syntax=1.2.4",
        'multipart/related; type="image/jpeg; transfer-syntax=1.2.3"; transfer-syntax=1.2.4',
        "application/dicom; transfer-syntax=1.2.3,*",
    ],
)
def test_more_than_one_transfer_syntax_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest, match="one transfer syntax") as caught:
        parse_accept(text)
    assert caught.value.clause == "PS3.18 8.7.3.5.2"


def test_garbage_elements_are_ignored() -> None:
    assert parse_accept("garbage,, text/html;level, *;q=.2, a/b;q=high, ;;;, application/dicom+json") == (
        MediaRange("text/html"),
        MediaRange("application/dicom+json"),
    )
    assert parse_accept(" ") == parse_accept(",;=") == ()


def test_legacy_names_become_todays() -> None:
    assert parse_accept("application/json; charset=utf-8") == (MediaRange("application/dicom+json", charset="utf-8"),)
    assert parse_accept('multipart/related; type="image/x-jls"')[0].essence == "image/jls"
    assert canonical("Image/DICOM+JPEG-LS") == "image/jls"
    assert canonical("image/dicom+rle") == canonical("image/x-dicom-rle") == "image/dicom-rle"


def test_header_of_the_slide_viewer_parses() -> None:
    found = parse_accept(SLIDE_HEADER)
    assert len(found) == 8
    assert all(item.multipart for item in found)
    assert (found[6].essence, found[6].transfer_syntax) == ("application/octet-stream", "*")
    assert (found[7].essence, found[7].transfer_syntax) == ("image/jpeg", "1.2.840.10008.1.2.4.50")


def test_eight_kilobytes_with_sixty_ranges_parse() -> None:
    text = ", ".join(
        f'multipart/related; type="image/x{n}"; transfer-syntax=1.2.{n}; padding="{"p" * 70}"; q=0.{n:03}' for n in range(1, 61)
    )
    assert 8000 < len(text) < MAX_TEXT
    assert [item.transfer_syntax for item in parse_accept(text)] == [f"1.2.{n}" for n in range(60, 0, -1)]


def test_length_and_number_of_ranges_are_bounded() -> None:
    with pytest.raises(BadRequest):
        parse_accept("a" * (MAX_TEXT + 1))
    with pytest.raises(BadRequest):
        parse_accept("a/b," * (MAX_RANGES + 1))
    with pytest.raises(BadRequest):
        parse("a/b;x=" + "a" * MAX_TEXT)


@given(st.text(st.sampled_from('a/*+;=",\\ q0.15\tmultipart/related;type=transfer-syntax=\x00é'), max_size=200) | st.text(max_size=200))
def test_any_text_parses_or_is_a_bad_request(text: str) -> None:
    for function in (parse, parse_accept):
        try:
            function(text)
        except BadRequest as error:
            assert error.detail  # noqa: PT017
