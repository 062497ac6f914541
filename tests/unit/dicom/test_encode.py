"""app.dicom.encode: DICOM JSON becomes the Part 10 file that says the same (PS3.5 7.1, PS3.10 7.1, PS3.18 F.2)."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom import encode as encoding
from app.dicom.elements import Malformed, find
from app.dicom.encode import Encapsulated, encode
from app.dicom.part10 import NotDicom, read_header
from app.dicom.vr import NARROW, WIDE
from app.dicomweb import dicom_json_reader
from app.model import JsonObject, Span, Uid
from tests.builders import MemorySource, corpus
from tests.unit.dicom.corpus_files import outgoing_bytes, walked
from tests.unit.dicomweb.test_dicom_json_corpus import encoded_file

IDENTITY: JsonObject = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
}


def nowhere(tag: str, uri: str) -> Span:
    raise Malformed("no bulkdata here")


def joined(pieces: list[bytes | Span], source: bytes = b"") -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else source[piece.offset : piece.end] for piece in pieces)


def written(**attributes: Any) -> pydicom.Dataset:
    """A data set with these attributes, tag -> (vr, values), as pydicom reads it."""
    dataset = IDENTITY | {tag[1:]: {"vr": vr, "Value": values} for tag, (vr, values) in attributes.items()}
    return pydicom.dcmread(BytesIO(joined(encode(dict(sorted(dataset.items())), nowhere))))


def refused(vr: str, values: list[Any]) -> str:
    with pytest.raises(Malformed) as caught:
        encode({"00280010": {"vr": vr, "Value": values}}, nowhere)
    return str(caught.value)


def test_the_file_has_a_head_of_its_own() -> None:
    read = written()
    assert read.preamble == bytes(128)
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID == "1.2.3"
    assert read.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert read_header(MemorySource(joined(encode(IDENTITY, nowhere)))).repairs == ()


def test_values_of_every_kind() -> None:
    read = written(
        _00080008=("CS", ["ORIGINAL", None, "AXIAL"]),
        _00100010=("PN", [{"Alphabetic": "Doe^Jane", "Phonetic": "doh"}, None, "Roe^Richard"]),
        _00180050=("DS", [1.5, "0.10", None, 3]),
        _00200013=("IS", [7, "8", 9.0]),
        _00280009=("AT", ["00181063", "0018106a"]),
        _00280010=("US", [512, "513"]),
        _00180091=("SL", [-1]),
        _00189073=("FD", [0.1, "NaN", "-Infinity"]),
        _00081190=("UR", ["http://h/a?b=c"]),
        _00104000=("LT", [" two\r\nlines "]),
    )
    assert list(read.ImageType) == ["ORIGINAL", "", "AXIAL"]
    assert read["PatientName"].VM == 3
    assert read.PatientName[0].phonetic == "doh"
    assert read.get_item("SliceThickness").value == b"1.5\\0.10\\\\3 "
    assert [int(value) for value in read.InstanceNumber] == [7, 8, 9]
    assert list(read.FrameIncrementPointer) == [0x00181063, 0x0018106A]
    assert list(read.Rows) == [512, 513]
    assert read.AcquisitionDuration[0] == 0.1
    assert str(read.AcquisitionDuration[1]) == "nan"
    assert read.RetrieveURL == "http://h/a?b=c"
    assert read.PatientComments == " two\r\nlines"


def test_numbers_that_do_not_fit_are_refused_by_tag_and_without_their_value() -> None:
    for vr, values in (
        ("US", [65536]),
        ("US", [1.5]),
        ("US", ["x"]),
        ("US", [None]),
        ("AT", ["xyz"]),
        ("DS", [float("nan")]),
        ("CS", [[]]),
    ):
        message = refused(vr, values)
        assert "(0028,0010)" in message
        assert "65536" not in message


def test_a_decimal_never_exceeds_its_sixteen_characters() -> None:
    for number in (0.1 + 0.2, -1 / 3, 1e-300 / 3, 123456789012345.678, -2.5e-8 / 3):
        text = written(_00180050=("DS", [number])).get_item(0x00180050).value.strip()
        assert len(text) <= 16
        assert float(text) == pytest.approx(number, rel=1e-8)


def test_padding_is_a_zero_byte_or_a_space_by_vr() -> None:
    data = joined(encode(IDENTITY | {"00080050": {"vr": "SH", "Value": ["A"]}, "00091010": {"vr": "OB", "InlineBinary": "AQ=="}}, nowhere))
    assert b"SH\x02\x00A " in data
    assert b"OB\x00\x00\x02\x00\x00\x00\x01\x00" in data
    assert b"UI\x06\x001.2.3\x00" in data


def test_a_value_too_long_for_its_vr_goes_as_un() -> None:
    data = joined(encode(IDENTITY | {"00080005": {"vr": "CS", "Value": []}, "00104000": {"vr": "LT", "Value": ["x" * 70_000]}}, nowhere))
    assert b"\x10\x00\x00\x40UN\x00\x00\x70\x11\x01\x00" in data


@pytest.mark.parametrize(
    ("declared", "name", "expected"),
    [
        (["ISO_IR 100"], "Müller", "ISO_IR 100"),
        (["ISO_IR 100"], "Muller", "ISO_IR 100"),
        (["ISO_IR 100"], "山田", "ISO_IR 192"),
        (["ISO_IR 192"], "山田", "ISO_IR 192"),
        (["GB18030"], "王^小东", "GB18030"),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], "山田", "ISO_IR 192"),
        ([], "Müller", "ISO_IR 192"),
        ([], "Muller", None),
    ],
)
def test_the_declared_character_set_stays_as_long_as_it_can_hold_the_text(declared: list[str], name: str, expected: str | None) -> None:
    attributes: dict[str, Any] = {"_00080005": ("CS", declared)} if declared else {}
    read = written(**attributes, _00100010=("PN", [{"Alphabetic": name}]))
    assert str(read.PatientName) == name
    assert read.get("SpecificCharacterSet") == expected


def test_a_character_set_within_an_item_follows() -> None:
    item = {"00080005": {"vr": "CS", "Value": ["ISO_IR 101"]}, "00080104": {"vr": "LO", "Value": ["Łódź 山"]}}
    read = written(_00081140=("SQ", [item]))
    assert read.ReferencedImageSequence[0].CodeMeaning == "Łódź 山"
    assert read.ReferencedImageSequence[0].SpecificCharacterSet == "ISO_IR 192"


def test_what_belongs_to_no_data_set_is_left_out() -> None:
    read = written(_00020010=("UI", ["1.2.840.10008.1.2.4.50"]), _00080000=("UL", [4]), _00083002=("UI", ["1.2"]))
    assert 0x00080000 not in read
    assert 0x00083002 not in read
    assert read.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def test_encapsulated_frames_get_an_offset_table_and_even_fragments() -> None:
    frames = b"\xff\xd8\xff" + b"a" * 8 + b"\xff\xd8\xff" + b"b" * 3
    pixels = Encapsulated(Uid("1.2.840.10008.1.2.4.50"), (Span(0, 11), Span(11, 6)))
    dataset = IDENTITY | {"7FE00010": {"vr": "OW", "BulkDataURI": "x"}}
    source = MemorySource(joined(encode(dataset, nowhere, pixels), frames))
    header = read_header(source)
    tree = walked(source, header)
    element = find(tree.dataset, 0x7FE00010)
    assert header.transfer_syntax == "1.2.840.10008.1.2.4.50"
    assert (header.repairs, tree.repairs) == ((), ())
    assert element is not None
    assert element.fragments is not None
    table, first, second = (source.read(offset, length) for offset, length in element.fragments)
    assert table == b"\0\0\0\0\x14\0\0\0"
    assert (first, second) == (frames[:11] + b"\0", frames[11:])


def test_offset_tables_of_another_file_are_left_out() -> None:
    tables: JsonObject = {tag: {"vr": "OV", "InlineBinary": "AAAAAAAAAAA="} for tag in ("7FE00001", "7FE00002")}
    dataset = IDENTITY | tables | {"7FE00010": {"vr": "OW", "BulkDataURI": "x"}}
    data = joined(encode(dataset, nowhere, Encapsulated(Uid("1.2.840.10008.1.2.4.50"), (Span(0, 4),))), b"abcd")
    assert "ExtendedOffsetTable" not in pydicom.dcmread(BytesIO(data))


def test_native_frames_follow_one_another() -> None:
    dataset = IDENTITY | {"7FE00010": {"vr": "OB", "BulkDataURI": "x"}}
    data = joined(encode(dataset, nowhere, [Span(3, 3), Span(0, 2)]), b"abcdef")
    assert data.endswith(b"OB\0\0\x06\0\0\0defab\0")


def test_a_frame_that_no_fragment_can_hold_is_refused() -> None:
    for length in (0, 1 << 32):
        with pytest.raises(Malformed):
            encode(IDENTITY | {"7FE00010": {"vr": "OB", "BulkDataURI": "x"}}, nowhere, Encapsulated(Uid("1.2"), (Span(0, length),)))


JSON: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just({}) | st.just([])
VALUES = st.lists(JSON | st.dictionaries(st.sampled_from(["Alphabetic", "Phonetic", "00100010"]), JSON, max_size=2), max_size=3)
ATTRIBUTES = st.fixed_dictionaries(
    {"vr": st.sampled_from(sorted(WIDE | NARROW))},
    optional={"Value": VALUES, "InlineBinary": JSON, "BulkDataURI": st.just("x")},
)


@given(st.dictionaries(st.sampled_from(["00080005", "00080018", "00100010", "00281201", "54000100", "7FE00010"]), ATTRIBUTES))
def test_any_object_is_written_or_refused(document: dict[str, Any]) -> None:
    try:
        dataset = dicom_json_reader.data_set(document, nesting=8, elements=100)
        data = joined(encode(dataset, lambda tag, uri: Span(0, 4)), b"abcd")
    except Malformed:
        return
    source = MemorySource(data)
    tree = walked(source, read_header(source))
    assert {f"{element.tag:08X}" for element in tree.dataset.elements} >= set(dataset)


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_metadata_and_bulkdata_of_the_corpus_make_a_file_with_the_same_metadata(path: Path) -> None:
    try:
        data = outgoing_bytes(path)
        header, before = encoded_file(data)
    except (NotDicom, Malformed):
        return
    source = MemorySource(data)
    spans = {bulkdata.path: bulkdata for bulkdata in before.bulkdata}
    pixels: Encapsulated | None = None
    element = find(walked(source, header).dataset, 0x7FE00010)
    if element is not None and element.fragments:
        frames = tuple(Span(start, length) for start, length in element.fragments[1:] if length)
        pixels = Encapsulated(header.transfer_syntax, frames) if frames else None

    def resolve(_tag: str, uri: str) -> Span:
        return spans[uri.partition("/bulkdata/")[2]].span

    given = dicom_json_reader.data_set(before.object, nesting=64, elements=10**6)
    result = joined(encode(given, resolve, pixels), data)
    _, after = encoded_file(result)
    assert plain(after.object) == plain(before.object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pydicom.dcmread(BytesIO(result)).get("SOPInstanceUID", "") == pydicom.dcmread(BytesIO(data)).get("SOPInstanceUID", "")


def plain(dataset: JsonObject) -> JsonObject:
    """Without what depends on the encoding alone: character set and transfer syntax, and the text of numbers that are too long."""
    left_out = (encoding.CHARACTER_SET, encoding.AVAILABLE_TRANSFER_SYNTAX)
    made: JsonObject = {}
    for tag, attribute in dataset.items():
        if tag in left_out:
            continue
        if attribute["vr"] == "SQ" and "Value" in attribute:
            made[tag] = {"vr": "SQ", "Value": [plain(item) for item in attribute["Value"]]}
        else:
            made[tag] = attribute
    return made
