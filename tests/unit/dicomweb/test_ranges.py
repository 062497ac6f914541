"""Range and If-Range (RFC 9110 14): what is sent, what is refused, what is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb import ranges
from app.errors import RangeNotSatisfiable
from app.model import Span

TAG = '"abc"'


def select(header: str | None, length: int = 100, condition: str | None = None) -> list[tuple[int, int]]:
    return [(span.offset, span.end) for span in ranges.select(header, condition=condition, etag=TAG, length=length)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=99-99", (99, 100)),
        ("Bytes = 1-2 ", (1, 3)),
    ],
)
def test_one_range(header: str, expected: tuple[int, int]) -> None:
    assert select(header) == [expected]


def test_several_ranges_keep_their_order_and_those_outside_are_left_out() -> None:
    assert select("bytes=50-59, 0-9,, -1, 500-600") == [(50, 60), (0, 10), (99, 100)]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-5",
        "bytes=1-2;3-4",
        "bytes=1.0-2",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=١-٢",
        "items=0-9",
        "bytes=0-9, x",
        "bytes=" + "9" * 25 + "-",
        "bytes=" + ",".join(["0-0"] * 17),
        "bytes=0-0," + " " * 2000 + "1-1",
        "bytes=0-,0-",  # more than the whole: sending that would serve nobody
    ],
)
def test_what_is_malformed_or_too_much_is_ignored(header: str | None) -> None:
    assert select(header) == []


def test_sixteen_ranges_are_taken() -> None:
    assert len(select("bytes=" + ",".join(f"{n}-{n}" for n in range(16)))) == 16


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-300,400-"])
def test_a_range_outside_is_refused(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        select(header)
    assert ranges.unsatisfied(caught.value.length) == "bytes */100"


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1"])
def test_of_nothing_there_is_no_range(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        select(header, length=0)


@pytest.mark.parametrize("condition", ['"other"', 'W/"abc"', "Sat, 29 Oct 1994 19:43:31 GMT", "abc"])
def test_another_validator_than_the_strong_tag_gives_the_whole(condition: str) -> None:
    assert select("bytes=0-9", condition=condition) == []
    assert select("bytes=500-", condition=condition) == []


def test_the_strong_tag_gives_the_range() -> None:
    assert select("bytes=0-9", condition=TAG) == [(0, 10)]


def test_content_range_counts_the_last_byte_in() -> None:
    assert ranges.content_range(Span(0, 10), 100) == "bytes 0-9/100"


@given(st.text(st.sampled_from("bytes=-,0123456789 ;x"), max_size=60), st.integers(0, 50))
def test_any_header_gives_ranges_within_the_whole_or_is_refused(header: str, length: int) -> None:
    try:
        found = select(header, length)
    except RangeNotSatisfiable:
        return
    assert all(0 <= begin < end <= length for begin, end in found)
    assert sum(end - begin for begin, end in found) <= length
