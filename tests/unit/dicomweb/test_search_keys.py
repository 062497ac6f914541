"""What an index keeps of the attributes of a level: columns and single values in normal form."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.dicom.attributes import KEYS, KEYS_OF
from app.dicomweb.search_keys import ROWS, VALUES, IndexedValue, columns, indexed_values
from app.model import Level


def test_every_column_of_the_level_is_there_with_or_without_a_value() -> None:
    for level in Level:
        assert set(columns(level, {})) == {key.column for key in KEYS_OF[level] if key.column}
        assert set(columns(level, {}).values()) == {None}


def test_columns_hold_normal_forms() -> None:
    found = columns(
        Level.SERIES,
        {
            "00200011": {"vr": "IS", "Value": ["007"]},
            "00080021": {"vr": "DA", "Value": ["2024.01.31"]},
            "00080031": {"vr": "TM", "Value": ["12"]},
            "00080060": {"vr": "CS", "Value": [None, " CT "]},
            "0008103E": {"vr": "LO", "Value": [""]},
            "00080080": {"vr": "LO", "InlineBinary": "AA=="},
        },
    )
    assert (found["series_number"], found["series_date"], found["series_time"]) == (7, "20240131", "120000.000000")
    assert (found["modality"], found["series_description"], found["institution_name"]) == ("CT", None, None)


def test_names_give_a_row_for_each_group_and_word() -> None:
    rows = indexed_values(Level.STUDY, {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jöhn", "Ideographic": "山田^太郎"}]}})
    assert {row.value for row in rows if row.path == "00100010"} == {"doe^john", "山田^太郎"}
    assert {row.value for row in rows if row.path == "00100010~"} == {"doe", "john", "山田", "太郎"}
    assert {row.item for row in rows} == {0}


def test_nested_values_know_their_item_and_multi_valued_ones_have_none() -> None:
    item = {"00400009": {"vr": "SH", "Value": ["S1", "S2"]}}
    rows = indexed_values(
        Level.SERIES, {"00400275": {"vr": "SQ", "Value": [{}, item]}, "00181020": {"vr": "LO", "Value": ["a", None, "a", "b"]}}
    )
    assert IndexedValue("00400275.00400009", 2, "S1") in rows
    assert IndexedValue("00400275.00400009", 2, "S2") in rows
    assert [row.value for row in rows if row.path == "00181020"] == ["a", "b"]


def test_hostile_numbers_of_values_are_cut() -> None:
    many = {"vr": "LO", "Value": [str(number) for number in range(10_000)]}
    assert len(indexed_values(Level.STUDY, {"00101000": many})) == VALUES
    items = {"vr": "SQ", "Value": [{"00080100": many}] * 10_000}
    assert len(indexed_values(Level.STUDY, {"00081032": items})) == ROWS


def test_computed_keys_are_not_taken_from_a_data_set() -> None:
    assert indexed_values(Level.STUDY, {"00080061": {"vr": "CS", "Value": ["CT"]}}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["Alphabetic", "Value", "00080100", "00400009"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([key.path[0] for key in KEYS]), JSON | st.fixed_dictionaries({"Value": st.lists(JSON, max_size=3)})))
def test_no_json_breaks_the_keys(attributes: dict[str, Any]) -> None:
    for level in Level:
        for value in columns(level, attributes).values():
            assert value is None or value != ""
        rows = indexed_values(level, attributes)
        assert len(set(rows)) == len(rows)
        assert all(row.value for row in rows)
