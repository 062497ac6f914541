"""app.dicomweb.dicom_json on what pydicom writes: whatever value of whatever VR goes in, a strict JSON reader gets it back."""

from __future__ import annotations

import struct
from decimal import Decimal
from io import BytesIO
from math import isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from app.dicom.elements import walk
from app.dicomweb.dicom_json import Encoded, encode
from tests.unit.dicomweb.json_trees import ROOT, SYNTAX, Memory, parsed

LATIN = st.characters(codec="latin-1", min_codepoint=0x20, exclude_characters="\\\x7f=^")
ASCII = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\=^")


def words(characters: st.SearchStrategy[str] = ASCII, size: int = 12) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=1, max_size=size).map(str.strip).filter(bool)


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "AE": words(),
    "CS": words(),
    "SH": words(LATIN),
    "LO": words(LATIN),
    "UC": words(LATIN, 80),
    "UI": st.lists(st.integers(0, 999), min_size=1, max_size=6).map(lambda parts: ".".join(map(str, parts))),
    "DA": st.dates().map(lambda date: date.strftime("%Y%m%d").zfill(8)),
    "TM": st.times().map(lambda time: time.strftime("%H%M%S.%f")),
    "DT": st.datetimes().map(lambda time: time.strftime("%Y%m%d%H%M%S.%f").zfill(21)),
    "AS": st.integers(0, 999).map(lambda age: f"{age:03d}Y"),
    "DS": st.floats(-1e9, 1e9).filter(lambda number: not 0 < abs(number) < 1e-300).map(lambda number: f"{number:.8g}"),
    "IS": integers(32, signed=True),
    "US": integers(16, signed=False),
    "SS": integers(16, signed=True),
    "UL": integers(32, signed=False),
    "SL": integers(32, signed=True),
    "UV": integers(64, signed=False),
    "SV": integers(64, signed=True),
    "FL": st.floats(width=32),
    "FD": st.floats(),
    "AT": integers(32, signed=False),
}


def from_pydicom(dataset: Dataset, *, explicit: bool = True, little: bool = True) -> Encoded:
    stream = BytesIO()
    write_dataset_to(stream, dataset, explicit=explicit, little=little)
    source = Memory(stream.getvalue())
    walked = walk(source, start=0, explicit=explicit, little=little, nesting=64, elements=10_000)
    return encode(source, walked.dataset, bulkdata_root=ROOT, transfer_syntax=SYNTAX)


def write_dataset_to(stream: BytesIO, dataset: Dataset, *, explicit: bool, little: bool) -> None:
    from pydicom.filebase import DicomIO

    file = DicomIO(stream)
    file.is_implicit_VR, file.is_little_endian = not explicit, little
    write_dataset(file, dataset)


def expected(vr: str, value: Any) -> Any:
    if vr == "DS":
        return float(value)
    if vr == "AT":
        return f"{value:08X}"
    if vr in ("SV", "UV") and abs(value) > 2**53:
        return str(value)
    if vr in ("FL", "FD") and (isnan(value) or value in (float("inf"), float("-inf"))):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def digits(number: float | str) -> int:
    """How many significant ones its shortest decimal has; what is not finite has a name."""
    return len(Decimal(str(number)).normalize().as_tuple().digits)


@pytest.mark.parametrize("vr", VALUES)
@pytest.mark.parametrize("little", [True, False])
@given(data=st.data())
def test_values_of_every_vr_come_back(vr: str, little: bool, data: st.DataObject) -> None:
    written = data.draw(st.lists(VALUES[vr], min_size=1, max_size=5))
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.add_new(0x00091001, vr, written)
    result = from_pydicom(dataset, little=little)
    element = parsed(result)["00091001"]
    assert element["vr"] == vr
    assert result.invalid == ()
    wanted = [expected(vr, value) for value in written]
    if vr == "FL":
        found = [struct.unpack("<f", struct.pack("<f", value))[0] if isinstance(value, float) else value for value in element["Value"]]
        assert found == wanted
        assert all(digits(value) <= digits(number) for value, number in zip(element["Value"], wanted, strict=True))
    else:
        assert element["Value"] == wanted


@pytest.mark.parametrize("vr", ["ST", "LT", "UT", "UR"])
@given(data=st.data())
def test_text_comes_back(vr: str, data: st.DataObject) -> None:
    lead = "" if vr == "UR" else data.draw(st.sampled_from(["", "  "]))
    written = lead + data.draw(
        words(st.characters(codec="ascii", min_codepoint=0x21, max_codepoint=0x7E) if vr == "UR" else LATIN | st.just("\\"), 200)
    )
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.add_new(0x00091001, vr, written)
    assert parsed(from_pydicom(dataset))["00091001"] == {"vr": vr, "Value": [written]}


@pytest.mark.parametrize("charset", ["ISO_IR 192", "GB18030"])
@given(groups=st.lists(st.lists(st.text("Aé王東ヤ山洪б", min_size=1, max_size=4), min_size=1, max_size=3), min_size=1, max_size=3))
def test_names_come_back(charset: str, groups: list[list[str]]) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset
    dataset.PatientName = "\\".join("=".join(name) for name in groups)
    labels = ("Alphabetic", "Ideographic", "Phonetic")
    assert parsed(from_pydicom(dataset))["00100010"]["Value"] == [dict(zip(labels, name, strict=False)) for name in groups]


@pytest.mark.parametrize("vr", ["OB", "OW", "OF", "OD", "OL", "OV", "UN"])
@given(raw=st.binary(max_size=128).map(lambda raw: raw * 8))
def test_binary_comes_back(vr: str, raw: bytes) -> None:
    from base64 import b64decode

    dataset = Dataset()
    dataset.add_new(0x00091001, vr, raw)
    element = parsed(from_pydicom(dataset))["00091001"]
    assert element.get("vr") == vr
    assert b64decode(element.get("InlineBinary", ""), validate=True) == raw


LEAVES = st.dictionaries(
    st.sampled_from(["PatientID", "SeriesDescription", "Rows", "SliceThickness", "CodeValue"]), st.integers(0, 9), max_size=3
)
TREES = st.recursive(LEAVES, lambda trees: st.tuples(LEAVES, st.lists(trees, max_size=3)), max_leaves=12)


@given(tree=TREES, explicit=st.booleans())
def test_trees_of_items_come_back(tree: Any, explicit: bool) -> None:
    result = from_pydicom(planted(tree), explicit=explicit)
    document = parsed(result)
    document.pop("00083002")
    assert document == drawn(tree)


def planted(tree: Any) -> Dataset:
    leaves, items = tree if isinstance(tree, tuple) else (tree, None)
    dataset = Dataset()
    for keyword, value in leaves.items():
        setattr(dataset, keyword, value if keyword == "Rows" else str(value))
    if items is not None:
        dataset.ContentSequence = Sequence([planted(item) for item in items])
    return dataset


TAGS = {"PatientID": ("00100020", "LO"), "SeriesDescription": ("0008103E", "LO"), "Rows": ("00280010", "US")}
TAGS |= {"SliceThickness": ("00180050", "DS"), "CodeValue": ("00080100", "SH")}


def drawn(tree: Any) -> dict[str, Any]:
    leaves, items = tree if isinstance(tree, tuple) else (tree, None)
    document: dict[str, Any] = {}
    for keyword, value in leaves.items():
        tag, vr = TAGS[keyword]
        document[tag] = {"vr": vr, "Value": [value if vr in ("US", "DS") else str(value)]}
    if items is not None:
        document["0040A730"] = {"vr": "SQ", "Value": [drawn(item) for item in items]} if items else {"vr": "SQ"}
    return document


@given(
    raw=st.binary(max_size=300),
    vr=st.sampled_from([*VALUES, "ST", "LT", "UT", "UR", "PN"]),
    charset=st.sampled_from([b"", b"ISO_IR 192", b"GB18030"]),
)
def test_any_bytes_under_any_vr_make_json(raw: bytes, vr: str, charset: bytes) -> None:
    from tests.unit.dicomweb.json_trees import encoded

    assert parsed(encoded((0x00080005, "CS", charset), (0x00091001, vr, raw)))["00091001"]["vr"] == vr


def sent_as_un(tag: int, value: bytes) -> dict[str, Any]:
    source = Memory(struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, b"UN", 0, len(value)) + value)
    walked = walk(source, start=0, explicit=True, little=True, nesting=64, elements=100)
    document = parsed(encode(source, walked.dataset, bulkdata_root=ROOT, transfer_syntax=SYNTAX))
    element = document[f"{tag:08X}"]
    assert isinstance(element, dict)
    return element


def test_j18_known_attributes_that_came_as_un_have_their_vr() -> None:
    assert sent_as_un(0x00280030, b"0.5\\0.25") == {"vr": "DS", "Value": [0.5, 0.25]}
    assert sent_as_un(0x00280010, b"\x00\x02") == {"vr": "US", "Value": [512]}


def test_j18_a_sequence_that_came_as_un_is_a_sequence() -> None:
    item = struct.pack("<HHL", 0x0010, 0x0020, 2) + b"1 "
    items = struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item
    assert sent_as_un(0x0040A730, items) == {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["1"]}}]}


@pytest.mark.parametrize(("representation", "vr", "value"), [(0, "US", 65535), (1, "SS", -1)])
def test_j26_items_take_the_sign_from_the_nearest_enclosing_data_set(representation: int, vr: str, value: int) -> None:
    item = Dataset()
    item.add_new(0x00280106, vr, value)
    dataset = Dataset()
    dataset.PixelRepresentation = representation
    dataset.ModalityLUTSequence = Sequence([item])
    document = parsed(from_pydicom(dataset, explicit=False))
    assert document["00283000"]["Value"][0]["00280106"] == {"vr": vr, "Value": [value]}
