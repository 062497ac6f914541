"""orderby and cursors: what is understood, what is refused (an extension: not in PS3.18)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.site_keys import parse as site_keys
from app.dicomweb.ordering import _digest, seal, unseal
from app.dicomweb.query import Query, decode, next_cursor, parse
from app.errors import InvalidQuery
from app.model import Level, Target, Uid

SITE = site_keys(("series:00091001:LO:ACME 1.0", "instance:SliceThickness"))
MARKS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.integers(-(2**63), 2**63 - 1)
                 | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6)  # fmt: skip


def query(text: str, level: Level = Level.STUDY, target: Target | None = None) -> Query:
    return parse(decode(text), level=level, target=target or Target(), wildcards=16, site=SITE)


def order(text: str, level: Level = Level.STUDY) -> list[tuple[str, bool]]:
    return [(one.key.keyword, one.descending) for one in query(text, level).order]


def test_an_order_names_keys_by_keyword_or_tag_with_a_hyphen_for_descending() -> None:
    assert order("orderby=StudyDate,-PatientName, -00100020") == [("StudyDate", False), ("PatientName", True), ("PatientID", True)]
    assert order("orderby=Modality,StudyDate", Level.SERIES) == [("Modality", False), ("StudyDate", False)]
    assert order("orderby=-00091001&00090010=ACME 1.0", Level.SERIES) == [("00091001", True)]
    assert order("orderby=SliceThickness", Level.INSTANCE) == [("SliceThickness", False)]


@pytest.mark.parametrize(
    "value",
    ["", ",", "PatientNickname", "-", "PatientComments", "RequestAttributesSequence.00400009", "StudyDate,-StudyDate", "Modality",
     "00091001", "StudyDate;DROP", ",".join(["PatientID"] * 9), "StudyDate&orderby=PatientID"],
)  # fmt: skip
def test_an_order_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidQuery):
        query(f"orderby={value}")


@given(MARKS, st.text())
def test_a_cursor_gives_back_what_was_sealed(marks: list[str | int | float | None], search: str) -> None:
    cursor = seal(search, marks)
    assert cursor.isascii()
    assert unseal(search, cursor) == tuple(marks)


@given(MARKS, st.data())
def test_a_cursor_that_was_tampered_with_is_refused(marks: list[str | int | float | None], data: st.DataObject) -> None:
    cursor = seal("search", marks)
    position = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from([c for c in "ABCxyz019-_" if c != cursor[position]]))
    with pytest.raises(InvalidQuery, match="cursor"):
        unseal("search", cursor[:position] + other + cursor[position + 1 :])


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidQuery):
        unseal("search", text)


@pytest.mark.parametrize("body", [[True], [[1]], [{}], [], {}, "a", [1e999], ["\0"], ["\ud800"], [2**63]])
def test_a_cursor_holds_marks_only(body: object) -> None:
    text = json.dumps(body).encode()
    with pytest.raises(InvalidQuery):
        unseal("search", base64.urlsafe_b64encode(_digest("search", text) + text).decode())


def test_a_cursor_belongs_to_its_search_whatever_its_pages_length_and_fields() -> None:
    asked = query("PatientID=A*&orderby=StudyDate&limit=2")
    cursor = next_cursor(replace(asked, seen=4), ("20240101", "x", "1.2"), 2)
    further = query(f"PatientID=A*&orderby=StudyDate&limit=7&includefield=all&cursor={cursor}")
    assert (further.after, further.seen) == (("20240101", "x", "1.2"), 6)
    for other in ("PatientID=B*&orderby=StudyDate", "PatientID=A*&orderby=-StudyDate", "PatientID=A*", "orderby=StudyDate"):
        with pytest.raises(InvalidQuery, match="cursor"):
            query(f"{other}&cursor={cursor}")
    with pytest.raises(InvalidQuery, match="cursor"):
        query(f"PatientID=A*&orderby=StudyDate&cursor={cursor}", Level.SERIES)
    with pytest.raises(InvalidQuery, match="cursor"):
        query(f"PatientID=A*&orderby=StudyDate&cursor={cursor}", Level.SERIES, Target(Uid("1.2")))


@pytest.mark.parametrize("marks", [["x", "1.2"], [1], [None, "x"], [1.5, "x", "y"]])
def test_a_cursor_tells_how_many_were_given_before(marks: list[str | int | float | None]) -> None:
    asked = query("")
    search = repr((asked.level, asked.by_patient, asked.target, asked.matches, asked.order))
    with pytest.raises(InvalidQuery, match="cursor"):
        query("cursor=" + seal(search, marks))


def test_a_cursor_and_an_offset_exclude_one_another() -> None:
    cursor = next_cursor(query(""), ("x", "1.2"), 1)
    with pytest.raises(InvalidQuery, match="offset"):
        query(f"offset=1&cursor={cursor}")
    assert query(f"offset=0&cursor={cursor}").after


def test_patients_have_their_own_order_and_only_their_own_fields() -> None:
    asked = parse(decode("includefield=PatientComments,StudyDescription"), level=Level.STUDY, target=Target(), wildcards=1, by_patient=True)
    assert asked.include == (("00104000",),)
    with pytest.raises(InvalidQuery, match="orderby"):
        parse([("orderby", "PatientID")], level=Level.STUDY, target=Target(), wildcards=1, by_patient=True)
    assert next_cursor(asked, ("A",), 1) != next_cursor(replace(asked, by_patient=False), ("A",), 1)
