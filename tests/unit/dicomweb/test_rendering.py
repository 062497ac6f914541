"""The parameters of rendered resources and thumbnails (PS3.18 8.3.5)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.picture import Window, WindowShape
from app.dicomweb import query
from app.dicomweb.rendering import IccProfile, Region, Rendering, View, canonical, parse, parse_thumbnail
from app.errors import InvalidQuery


def asked(text: str) -> Rendering:
    return parse(query.decode(text))


def view(text: str) -> View:
    return asked(text).view


def test_nothing_asked_is_the_picture_as_it_is() -> None:
    assert asked("") == Rendering(View())
    assert asked("accept=image/png&foo=bar&mprslab=1&Viewport=1") == Rendering(View())


def test_everything_at_once() -> None:
    text = "viewport=512,256,10.5,20,100,50&window=40,400,linear&quality=85&annotation=patient,technique&iccprofile=srgb&charset=utf-8"
    expected = View(
        columns=512,
        rows=256,
        region=Region(10.5, 20, 100, 50),
        window=Window(40, 400, WindowShape.LINEAR),
        quality=85,
        annotations=frozenset({"patient", "technique"}),
        icc_profile=IccProfile.SRGB,
    )
    assert asked(text) == Rendering(expected)


@pytest.mark.parametrize("text", ["viewport=256%2C256", "viewport=256,256", "%76iewport=256,%20256"])
def test_a_viewport_may_be_percent_encoded(text: str) -> None:
    assert view(text) == View(columns=256, rows=256)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("8,8,,,,", None),
        ("8,8,1,2,3,4", Region(1, 2, 3, 4)),
        ("8,8,,,3,4", Region(0, 0, 3, 4)),
        ("8,8,1,2,,", Region(1, 2)),
        ("8,8,,,-3,4", Region(0, 0, 3, 4, flip_horizontal=True)),
        ("8,8,,,3,-4", Region(0, 0, 3, 4, flip_vertical=True)),
        ("8,8,1,,-3,-4.5", Region(1, 0, 3, 4.5, flip_horizontal=True, flip_vertical=True)),
    ],
)
def test_the_source_region_of_a_viewport(text: str, region: Region | None) -> None:
    assert view(f"viewport={text}") == View(columns=8, rows=8, region=region)


@pytest.mark.parametrize(
    "text",
    [
        "", "8", "8,", ",8", "8,8,", "8,8,1", "8,8,1,2", "8,8,1,2,3", "8,8,1,2,3,4,5", "0,8", "8,0", "-8,8", "8,-8", "8.5,8", "a,8",
        "65536,8", "8,8,-1,0,4,4", "8,8,0,-1,4,4", "8,8,0,0,0,4", "8,8,0,0,4,0", "8,8,x,0,4,4", "8,8,nan,0,4,4", "8,8,0,0,inf,4",
        "8,8,0,0,99999,4", "８,8", "8;8", "1e9,8",
    ],
)  # fmt: skip
def test_t6_a_viewport_that_breaks_the_grammar_is_refused_with_its_clause(text: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        view(f"viewport={text}")
    assert refused.value.clause == "PS3.18 8.3.5.1.3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40,400,linear", Window(40, 400, WindowShape.LINEAR)),
        ("-600,1,linear", Window(-600, 1, WindowShape.LINEAR)),
        ("127.5,0.5,linear-exact", Window(127.5, 0.5, WindowShape.LINEAR_EXACT)),
        ("1e2,2.5E1,sigmoid", Window(100, 25, WindowShape.SIGMOID)),
        ("%2B40,%20400,%20linear", Window(40, 400, WindowShape.LINEAR)),
    ],
)
def test_windows(text: str, expected: Window) -> None:
    assert view(f"window={text}").window == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "40", "40,400", "40,400,", ",400,linear", "40,,linear", "40,400,linear,1", "40,400,square", "40,400,LINEAR", "40,0,linear",
        "40,0.9,linear", "40,0,sigmoid", "40,-1,linear-exact", "x,400,linear", "nan,400,linear", "40,inf,linear", "40,1e999,linear",
    ],
)  # fmt: skip
def test_t5_a_window_with_missing_parts_or_no_width_is_refused_with_its_clause(text: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        view(f"window={text}")
    assert refused.value.clause == "PS3.18 8.3.5.1.4"


@pytest.mark.parametrize("text", ["0", "101", "-1", "", "50.5", "1e1", "high", "99999999999999999999"])
def test_t7_a_quality_outside_of_1_to_100_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        view(f"quality={text}")
    assert refused.value.clause == "PS3.18 8.3.5.1.2"


@pytest.mark.parametrize("text", ["1", "100", "085"])
def test_a_quality_within(text: str) -> None:
    assert view(f"quality={text}").quality == int(text)


def test_an_annotation_that_is_not_supported_is_told_and_the_others_hold() -> None:
    found = asked("annotation=patient,doses,lead,doses")
    assert found.view.annotations == {"patient"}
    assert found.warnings == ("The following annotation values are not supported: doses, lead",)


@pytest.mark.parametrize("text", ["", "patient,", "pa tient", "<script>", "a" * 65, ",".join("abcdefghijklmnopq")])
def test_an_annotation_that_is_no_list_of_keywords_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        asked(f"annotation={text}")


@pytest.mark.parametrize("profile", list(IccProfile))
def test_icc_profiles(profile: IccProfile) -> None:
    assert view(f"iccprofile={profile}").icc_profile is profile


@pytest.mark.parametrize("text", ["", "cmyk", "SRGB"])
def test_an_unknown_icc_profile_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        view(f"iccprofile={text}")


def test_text_is_utf_8_and_another_charset_is_told() -> None:
    assert asked("charset=UTF-8").warnings == ()
    assert asked("charset=iso-8859-1, utf-8;q=0.5").warnings == ()
    assert "UTF-8" in asked("charset=iso-8859-1").warnings[0]
    with pytest.raises(InvalidQuery):
        asked("charset=a%20b")


@pytest.mark.parametrize("name", ["viewport=8,8", "window=1,2,linear", "quality=5", "annotation=patient", "iccprofile=no", "charset=utf-8"])
def test_a_parameter_given_twice_is_refused(name: str) -> None:
    with pytest.raises(InvalidQuery, match=name.partition("=")[0]):
        asked(f"{name}&{name}")


def test_a_thumbnail_takes_a_viewport_and_nothing_else() -> None:
    items = query.decode("viewport=64%2C32&window=broken&quality=0&annotation=patient")
    assert parse_thumbnail(items, size=256).view == View(columns=64, rows=32, enlarge=False)
    assert parse_thumbnail([], size=256).view == View(columns=256, rows=256, enlarge=False)


@pytest.mark.parametrize("text", ["", "8", "8,8,0,0,4,4", "8,8,,,,", "0,8", "8,x"])
def test_a_thumbnail_has_no_source_region(text: str) -> None:
    with pytest.raises(InvalidQuery):
        parse_thumbnail([("viewport", text)], size=256)


def test_equal_views_have_one_text_in_every_process() -> None:
    statement = (
        "from app.dicomweb.rendering import *;"
        "print(canonical(parse([('annotation', 'technique,patient'), ('viewport', '8,8,1,2,-3,4'), ('window', '1,2,sigmoid')]).view))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", statement], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2", "3", "4")
    }
    assert texts == {canonical(view("window=1,2,sigmoid&annotation=patient,technique&viewport=8,8,1,2,-3,4"))}


@pytest.mark.parametrize("other", ["window=1,3,sigmoid", "annotation=patient", "viewport=8,9", "quality=5", "iccprofile=yes"])
def test_different_views_have_different_texts(other: str) -> None:
    texts = {canonical(view(text)) for text in ("", "window=1,2,sigmoid", "annotation=technique", other)}
    assert len(texts) == 4


values: Any = st.text(st.sampled_from("0123456789,.-+eEn aif%2C\x00ä"), max_size=30) | st.text(max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["viewport", "window", "quality", "annotation", "iccprofile", "charset", "x"]), values)))
def test_whatever_is_sent_is_a_view_or_a_refusal(items: list[tuple[str, str]]) -> None:
    for parser in (parse, lambda items: parse_thumbnail(items, size=256)):
        try:
            found = parser(items)
        except InvalidQuery:
            continue
        assert canonical(found.view)
