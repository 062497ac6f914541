"""Resource addresses: read strictly, built relative to the base (PS3.18 10.1; statements R4 and R12 of the test digest)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb import resources
from app.errors import InvalidTarget
from app.model import BASE_MARK, Level, Target, Uid

STUDY = Target(Uid("1.2"))
SERIES = Target(Uid("1.2"), Uid("3.4"))
INSTANCE = Target(Uid("1.2"), Uid("3.4"), Uid("5.6"))


def test_uris_are_relative_to_the_base() -> None:
    assert resources.study(INSTANCE) == "/studies/1.2"
    assert resources.series(INSTANCE) == "/studies/1.2/series/3.4"
    assert resources.instance(INSTANCE) == "/studies/1.2/series/3.4/instances/5.6"
    assert resources.frames_uri(INSTANCE, 7) == "/studies/1.2/series/3.4/instances/5.6/frames/7"
    assert resources.bulkdata_uri(INSTANCE, "54000100/1/54001010") == "/studies/1.2/series/3.4/instances/5.6/bulkdata/54000100/1/54001010"


def test_retrieve_uri_names_the_target_at_its_own_level() -> None:
    found = [resources.retrieve_uri(target) for target in (Target(), STUDY, SERIES, INSTANCE)]
    assert found == ["/studies", resources.study(STUDY), resources.series(SERIES), resources.instance(INSTANCE)]


def test_builders_refuse_a_target_that_ends_above_their_level() -> None:
    for build, target in ((resources.study, Target()), (resources.series, STUDY), (resources.instance, SERIES)):
        with pytest.raises(ValueError):
            build(target)


def test_target_is_read_at_each_level() -> None:
    assert resources.parse_target() == Target()
    assert resources.parse_target("1.2") == STUDY
    assert resources.parse_target("1.2", "3.4", "5.6") == INSTANCE
    assert resources.parse_target("1.2", "3.4").level is Level.SERIES
    assert resources.parse_target("1." + "2" * 62) == Target(Uid("1." + "2" * 62))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "1..2", "1.2/", "../1", "1.2a", "1.2 ", "１.2", "1.2\n", "1" * 65, "%31", "1-2", "1.2\x00", "*"]
)
def test_other_characters_in_a_uid_are_refused_at_every_level(text: str) -> None:
    for segments in ((text,), ("1.2", text), ("1.2", "3.4", text)):
        with pytest.raises(InvalidTarget) as caught:
            resources.parse_target(*segments)
        assert caught.value.clause == "PS3.5 9.1"
        assert len(text) < 3 or text not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "path"), [("7fe00010", "7FE00010"), ("54000100/1/54001010", "54000100/1/54001010"), ("0009100a/12/0009100b/3/7FE00010",) * 2]
)
def test_bulkdata_path_gets_its_one_spelling(text: str, path: str) -> None:
    assert resources.parse_bulkdata_path(text) == path.upper()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7FE0001",
        "7FE000100",
        "7FE00010/",
        "/7FE00010",
        "7FE00010/1",
        "7FE00010/0/7FE00010",
        "7FE00010/01/7FE00010",
        "7FE00010//7FE00010",
        "7FE00010/-1/7FE00010",
        "7FE00010/１/7FE00010",
        "7FE00010\n",
        "../7FE00010",
        "7FE0001G",
        "7FE00010" + "/1/7FE00010" * 500,
    ],
)
def test_other_bulkdata_paths_are_refused(text: str) -> None:
    with pytest.raises(InvalidTarget):
        resources.parse_bulkdata_path(text)


@pytest.mark.parametrize(("text", "numbers"), [("1", (1,)), ("1,3,2", (1, 3, 2)), ("1, 2", (1, 2)), ("99999", (99999,))])
def test_frames_keep_their_order(text: str, numbers: tuple[int, ...]) -> None:
    assert resources.parse_frames(text, limit=3) == numbers


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "abc", "1,", ",1", "1,,2", "1.0", "+1", "1;2", "1,2,1", "1e3", "１", "01", "1 2", "1,2,3,4", "9" * 11, " " * 99 + "1"],
)
def test_other_frame_lists_are_refused(text: str) -> None:
    with pytest.raises(InvalidTarget):
        resources.parse_frames(text, limit=3)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50, unique=True))
def test_any_list_of_distinct_frame_numbers_is_read(numbers: list[int]) -> None:
    assert resources.parse_frames(",".join(map(str, numbers)), limit=50) == tuple(numbers)


@given(st.text())
def test_any_text_is_an_address_or_an_invalid_target(text: str) -> None:
    for read in (resources.parse_target, resources.parse_bulkdata_path, lambda text: resources.parse_frames(text, limit=10)):
        try:
            read(text)
        except InvalidTarget as error:
            assert error.status == 400  # noqa: PT017


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080/dicom-web", "https://pacs.example/a%20b", "http://[::1]:8080", "/dicom-web", ""])
def test_base_takes_the_place_of_every_mark(base: str) -> None:
    stored = b'[{"00081190":{"vr":"UR","Value":["' + BASE_MARK + b'/studies/1"]}},"' + BASE_MARK + b'"]'
    found = json.loads(resources.with_base(stored, base))
    assert found == [{"00081190": {"vr": "UR", "Value": [f"{base}/studies/1"]}}, base]


@pytest.mark.parametrize(
    "base", ['http://h/"', "http://h/\\", "http://h/\n", "http://h/ä", "http://h/ x", "h", '"', "//h/x", "http://", "http://h/<"]
)
def test_base_that_could_break_out_of_the_text_is_refused(base: str) -> None:
    with pytest.raises(ValueError):
        resources.with_base(b"{}", base)
