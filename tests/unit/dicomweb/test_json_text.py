"""The text of DICOM JSON objects, by either of the two ways that write it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.json_text import sorted_text, text

VALUES = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    assert json.loads(text(value)) == json.loads(sorted_text(value)) == value


def test_keys_stand_as_they_come_or_ascend() -> None:
    assert text({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"b":1,"a":{"d":1,"c":2}}'
    assert sorted_text({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'


def test_control_characters_are_escaped_and_others_are_utf_8() -> None:
    assert text(["\x01", "é", '"']) == '["\\u0001","é","\\""]'.encode()


@pytest.mark.parametrize("write", [text, sorted_text])
def test_what_the_fast_way_refuses_is_written_all_the_same(write: Any) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": [deep]}
    assert json.loads(write(deep)) == deep
    assert write(2**70) == str(2**70).encode()
    assert write(["\ud800"]) == b'["?"]'
