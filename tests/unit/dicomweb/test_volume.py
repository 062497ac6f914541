"""app.dicomweb.volume: the parameters of renderedMPR and rendered3D (PS3.18 8.3.5.3), and what is refused with which clause."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.picture import Window
from app.dicomweb.query import decode
from app.dicomweb.volume import Asked, Method, Orientation, Reformatting, parse
from app.errors import InvalidQuery

MPR, THREE_D = Reformatting


def mpr(text: str) -> Asked:
    return parse(decode(text), MPR)


def three_d(text: str) -> Asked:
    return parse(decode(text), THREE_D)


def test_no_parameter_leaves_everything_open() -> None:
    asked = mpr("accept=image/png")
    assert (asked.method, asked.orientation, asked.position, asked.slab, asked.moves, asked.metadata) == (
        None,
        None,
        None,
        None,
        False,
        False,
    )
    assert (asked.named, asked.warnings, asked.terms) == ((), (), ())


def test_the_request_of_the_standards_example_is_understood() -> None:
    asked = mpr(
        "volumeinputreference=1.2.250.1.59.40211.2678810.87991027.899772.2&renderingmethod=maximum_ip&mprslab=20"
        "&viewpointposition=100,101,200&viewpointlookat=100,100,200&viewpointup=0,0,1&viewport=256,256&window=700,100,linear"
    )
    assert asked.references == {"1.2.250.1.59.40211.2678810.87991027.899772.2"}
    assert (asked.method, asked.slab) == (Method.MAXIMUM_IP, 20)
    assert (asked.position, asked.look_at, asked.up) == ((100, 101, 200), (100, 100, 200), (0, 0, 1))
    assert (asked.view.columns, asked.view.rows, asked.view.window) == (256, 256, Window(700, 100))
    assert asked.named[0] == "volumeinputreference"


def test_a_swivel_is_understood() -> None:
    asked = three_d("renderingmethod=volume_rendered&orientation=a&swivelrange=180&animationrate=20&animationstepsize=1.8")
    assert (asked.method, asked.orientation) == (Method.VOLUME_RENDERED, Orientation.ANTERIOR)
    assert (asked.swivel, asked.rate, asked.step, asked.moves) == (180, 20, 1.8, True)
    assert three_d("renderedvolumetricmetadata=yes").metadata


def test_a_curve_is_points_one_by_one_or_all_in_one() -> None:
    expected = ((0, 0, 1), (0, 0, 2.5))
    assert mpr("volumetriccurvepoint=0,0,1&volumetriccurvepoint=0,0,2.5").curve == expected
    assert mpr("volumetriccurvepoint=0,0,1,0,0,2.5").curve == expected


def test_input_is_named_by_uids_or_by_frames() -> None:
    assert mpr("volumeinputreference=1.2.3,1.2.4&volumeinputreference=1.2.5").references == {"1.2.3", "1.2.4", "1.2.5"}
    assert mpr("volumeinputreference=3,5,4").frames == {3, 4, 5}


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("renderingmethod=fastest", "8.3.5.3.3"),
        ("renderingmethod=maximum_ip,minimum_ip", "8.3.5.3.3"),
        ("renderingmethod=volume_rendered", "8.3.5.3.3"),
        ("renderingmethod=MAXIMUM_IP", "8.3.5.3.3"),
        ("orientation=x", "8.3.5.3.4"),
        ("orientation=a,p", "8.3.5.3.4"),
        ("orientation=a&viewpointup=0,0,1", "8.3.5.3"),
        ("orientation=a&viewpointlookat=0,0,1", "8.3.5.3"),
        ("orientation=a&viewpointposition=0,0,1", "8.3.5.3"),
        ("viewpointposition=1,2", "8.3.5.3.5"),
        ("viewpointposition=1,2,north", "8.3.5.3.5"),
        ("viewpointposition=1,2,1e9", "8.3.5.3.5"),
        ("viewpointposition=1,2,nan", "8.3.5.3.5"),
        ("viewpointposition=1,2,3&viewpointlookat=1,2,3", "8.3.5.3.6"),
        ("viewpointlookat=1;2;3", "8.3.5.3.6"),
        ("viewpointup=0,0,0", "8.3.5.3.7"),
        ("viewpointposition=0,0,0&viewpointlookat=0,0,9&viewpointup=0,0,1", "8.3.5.3.7"),
        ("mprslab=0", "8.3.5.3.8"),
        ("mprslab=-3", "8.3.5.3.8"),
        ("mprslab=thick", "8.3.5.3.8"),
        ("mprslab=5&mprslab=6", "8.3.5.3"),
        ("swivelrange=0", "8.3.5.3.9"),
        ("swivelrange=361", "8.3.5.3.9"),
        ("swivelrange=90&volumetriccurvepoint=0,0,1", "8.3.5.3"),
        ("volumetriccurvepoint=1,2", "8.3.5.3.10"),
        ("swivelrange=90&animationstepsize=0", "8.3.5.3.11"),
        ("swivelrange=90&animationrate=-1", "8.3.5.3.12"),
        ("renderedvolumetricmetadata=no", "8.3.5.3.13"),
        ("volumeinputreference=", "8.3.5.3.1"),
        ("volumeinputreference=0", "8.3.5.3.1"),
        ("volumeinputreference=1..2/3", "8.3.5.3.1"),
        ("EchoTim=3", "8.3.5.3.2"),
        ("EchoTime=fast", "8.3.5.3.2"),
        ("EchoTime=1&EchoTime=2", "8.3.4.1"),
        ("window=1,0,linear", "8.3.5.1.4"),
        ("viewport=256", "8.3.5.1.3"),
        ("quality=0", "8.3.5.1.2"),
    ],
)
def test_what_breaks_the_grammar_is_refused_with_its_clause(text: str, clause: str) -> None:
    with pytest.raises(InvalidQuery) as raised:
        mpr(text)
    assert raised.value.clause == f"PS3.18 {clause}"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mprslab=5", "mprslab"),
        ("volumetriccurvepoint=0,0,1", "volumetriccurvepoint"),
        ("animationrate=5", "animationrate"),
        ("annotation=patient", "annotation"),
        ("perspective=yes", "perspective"),
    ],
)
def test_what_is_not_supported_is_ignored_and_said(text: str, word: str) -> None:
    asked = three_d(text)
    assert len(asked.warnings) == 1
    assert word in asked.warnings[0]
    assert (asked.slab, asked.curve, asked.rate, asked.view.annotations, asked.moves) == (None, (), None, frozenset(), False)


def test_volume_rendered_is_a_method_of_rendered3d() -> None:
    assert three_d("renderingmethod=volume_rendered").method is Method.VOLUME_RENDERED


NAMES = st.sampled_from(["orientation", "mprslab", "viewpointup", "volumetriccurvepoint", "volumeinputreference", "EchoTime", "x"])


@given(st.lists(st.tuples(NAMES, st.text()), max_size=4))
def test_whatever_is_asked_is_understood_or_refused(items: list[tuple[str, str]]) -> None:
    for reformatting in Reformatting:
        with suppress(InvalidQuery):
            parse(items, reformatting)
