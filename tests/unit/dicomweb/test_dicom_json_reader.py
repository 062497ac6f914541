"""DICOM JSON that user agents send (PS3.18 Annex F): what is plain is taken, what is doubtful is refused (J28, J29)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.elements import Malformed
from app.dicomweb.dicom_json_reader import data_set, documents


def read(document: Any, nesting: int = 8, elements: int = 100) -> dict[str, Any]:
    return data_set(document, nesting=nesting, elements=elements)


def parsed(text: str) -> dict[str, Any]:
    (document,) = documents(text.encode(), elements=100)
    return read(document)


def test_an_array_and_a_single_object_are_taken() -> None:
    assert documents(b'[{"00080005":{"vr":"CS"}},{}]', elements=100) == [{"00080005": {"vr": "CS"}}, {}]
    assert documents(b"{}", elements=100) == [{}]
    assert documents(b"[]", elements=100) == []


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\xff", b"[" * 200_000, b'{"a":' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed, match="not JSON"):
        documents(text, elements=100_000)


def test_j29_keys_come_out_ascending_and_in_upper_case() -> None:
    found = read({"7fe00010": {"vr": "OW"}, "0020000d": {"vr": "ui", "Value": ["1.2"]}})
    assert list(found.items()) == [("0020000D", {"vr": "UI", "Value": ["1.2"]}), ("7FE00010", {"vr": "OW"})]


@pytest.mark.parametrize(
    ("tag", "attribute", "vr"),
    [
        ("00100010", {"Value": [{"Alphabetic": "A"}]}, "PN"),
        ("00280106", {"Value": [1]}, "US"),
        ("7FE00010", {"InlineBinary": "AA=="}, "OW"),
        ("00283006", {"InlineBinary": "AA=="}, "OW"),
        ("00283006", {"Value": [1]}, "US"),
        ("60023000", {"InlineBinary": "AA=="}, "OW"),
        ("00280106", {"vr": "US or SS", "Value": [1]}, "US"),
        ("00090010", {"Value": ["ACME"]}, "LO"),
        ("00091001", {}, "UN"),
        ("00091001", {"InlineBinary": "AA=="}, "UN"),
        ("00100010", {"vr": "", "Value": ["A"]}, "PN"),
        ("00100010", {"vr": None}, "PN"),
    ],
)
def test_j29_a_missing_vr_comes_from_the_dictionary(tag: str, attribute: dict[str, Any], vr: str) -> None:
    assert read({tag: attribute})[tag]["vr"] == vr


def test_an_ambiguous_vr_follows_the_nearest_pixel_representation() -> None:
    smallest = {"00280106": {"Value": [-1]}}
    found = read({"00280103": {"vr": "US", "Value": ["1"]}, "00081140": {"vr": "SQ", "Value": [smallest]}, **smallest})
    assert found["00280106"]["vr"] == found["00081140"]["Value"][0]["00280106"]["vr"] == "SS"


def test_a_private_vr_comes_from_its_creators_dictionary() -> None:
    found = read({"00190010": {"vr": "LO", "Value": ["GEMS_ACQU_01"]}, "00191002": {"Value": [3]}})
    assert found["00191002"]["vr"] == "SL"


def test_empty_values_and_items_are_taken_in_every_spelling() -> None:
    found = read(
        {"00080005": {"vr": "CS", "Value": []}, "00080008": {"vr": "CS", "Value": None}, "00081140": {"vr": "SQ", "Value": [{}, None]}}
    )
    assert found == {"00080005": {"vr": "CS"}, "00080008": {"vr": "CS"}, "00081140": {"vr": "SQ", "Value": [{}, {}]}}


def test_a_value_without_its_array_is_taken() -> None:
    assert read({"00200013": {"vr": "IS", "Value": 7}})["00200013"]["Value"] == [7]


@pytest.mark.parametrize(
    "text",
    [
        '{"00100020":{"vr":"LO","Value":["A"]},"00100020":{"vr":"LO","Value":["B"]}}',
        '{"0020000D":{"vr":"UI"},"0020000d":{"vr":"UI"}}',
        '{"00100020":{"vr":"LO","vr":"SH"}}',
        '{"00081140":{"vr":"SQ","Value":[{"00080005":{"vr":"CS"},"00080005":{"vr":"CS"}}]}}',
    ],
)
def test_j28_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parsed(text)


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        7,
        {"PatientName": {"vr": "PN"}},
        {"0010001": {"vr": "PN"}},
        {"0010001０": {"vr": "PN"}},
        {"00100010": "Doe"},
        {"00100010": {"vr": "XX"}},
        {"00100010": {"vr": 7, "Value": [{}], "InlineBinary": "AA=="}},
        {"00091001": {"Value": ["x"]}},
        {"7FE00010": {"vr": "OW", "BulkDataURI": 5}},
        {"00081140": {"vr": "SQ", "Value": ["x"]}},
    ],
)
def test_what_is_no_data_set_is_refused_without_its_values(document: Any) -> None:
    with pytest.raises(Malformed) as caught:
        read(document)
    assert "Doe" not in str(caught.value)


def test_depth_and_count_are_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(9):
        deep = {"00081140": {"vr": "SQ", "Value": [deep]}}
    with pytest.raises(Malformed, match="deeper"):
        read(deep)
    with pytest.raises(Malformed, match="more elements"):
        read({f"0010{number:04X}": {"vr": "LO"} for number in range(101)})


@pytest.mark.parametrize("bomb", [b"[" + b"[]," * 500 + b"[]]", b"[" + b"{}," * 500 + b"{}]"])
def test_a_text_of_brackets_is_refused_before_it_is_parsed(bomb: bytes) -> None:
    with pytest.raises(Malformed, match="more elements"):
        documents(bomb, elements=100)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["00100010", "00081140", "00091001", "vr", "Value", "BulkDataURI"]) | st.text(max_size=8), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    try:
        read(document)
    except Malformed:
        return
