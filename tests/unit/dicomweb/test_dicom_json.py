"""app.dicomweb.dicom_json: one test at least for each rule of the DICOM JSON Model (PS3.18 Annex F), named as our digest numbers them."""

import base64
import json
from typing import Any

import pytest

from app.dicom.charset import DEFAULT_REPERTOIRE
from app.dicom.elements import DataSet, Element
from app.dicom.window import Window
from app.dicomweb import dicom_json
from app.dicomweb.dicom_json import encode
from app.model import Bulkdata, Span
from tests.unit.dicomweb.json_trees import ROOT, SYNTAX, Endless, Memory, Part, encoded, one, parsed

BULK = "http://h/dicom-web" + ROOT + "/bulkdata/"


def test_j1_one_object_is_encoded_and_no_array() -> None:
    assert (
        encoded((0x00080060, "CS", b"CT")).text
        == b'{"00080060":{"vr":"CS","Value":["CT"]},"00083002":{"vr":"UI","Value":["1.2.840.10008.1.2.1"]}}'
    )


def test_j2_keys_are_eight_uppercase_digits_ascending_at_every_level() -> None:
    item = [(0x300A00B0, "LO", b"b"), (0x0008103E, "LO", b"a"), (0x000B0010, "LO", b"c")]
    text = encoded((0x7FE1001A, "LO", b"z"), (0x300A00AB, "SQ", [item]), (0x0008000F, "LO", b"a")).text
    document = json.loads(text)
    assert list(document) == ["0008000F", "00083002", "300A00AB", "7FE1001A"]
    assert list(document["300A00AB"]["Value"][0]) == ["0008103E", "000B0010", "300A00B0"]


@pytest.mark.parametrize("vr", ["LO", "PN", "US", "OB", "UN", "AT", "DS", "UT", "OW"])
def test_j3_and_j5_an_empty_element_has_a_vr_and_nothing_else(vr: str) -> None:
    assert one(vr, b"") == {"vr": vr}


def test_j4_no_element_has_more_than_one_of_value_inline_and_uri() -> None:
    parts = [
        (0x00091000 + at, vr, bytes(size))
        for at, (vr, size) in enumerate((vr, size) for vr in ("OB", "US", "LO", "UN") for size in (0, 8, 5000))
    ]
    for element in parsed(encoded(*parts)).values():
        assert len(set(element) & {"Value", "InlineBinary", "BulkDataURI"}) <= 1


def test_j7_empty_items_are_objects_and_empty_sequences_have_no_value() -> None:
    document = parsed(encoded((0x00081115, "SQ", [[], [(0x00080060, "CS", b"CT")]]), (0x00081140, "SQ", [])))
    assert document["00081115"] == {"vr": "SQ", "Value": [{}, {"00080060": {"vr": "CS", "Value": ["CT"]}}]}
    assert document["00081140"] == {"vr": "SQ"}


def test_j17_text_is_utf8_and_the_declared_repertoire_stays_as_it_is() -> None:
    result = encoded((0x00080005, "CS", b"ISO_IR 100"), (0x00100010, "PN", b"M\xfcller"))
    assert "Müller".encode() in result.text
    assert parsed(result)["00080005"] == {"vr": "CS", "Value": ["ISO_IR 100"]}


def test_j17_undecodable_bytes_are_replaced_and_never_fail() -> None:
    document = parsed(encoded((0x00080005, "CS", b"ISO_IR 192"), (0x00100020, "LO", b"a\xff")))
    assert document["00100020"]["Value"] == ["a\ufffd"]


def test_j17_items_inherit_the_repertoire_or_declare_their_own() -> None:
    inner: list[Part] = [(0x00080104, "LO", b"\xe1")]
    declared: list[Part] = [(0x00080005, "CS", b"ISO_IR 126"), (0x00080104, "LO", b"\xe1"), (0x00081140, "SQ", [inner])]
    document = parsed(encoded((0x00080005, "CS", b"ISO_IR 144"), (0x00081115, "SQ", [inner, declared]), (0x00081030, "LO", b"\xe1")))
    first, second = document["00081115"]["Value"]
    assert first["00080104"]["Value"] == ["с"]
    assert second["00080104"]["Value"] == ["α"]
    assert second["00081140"]["Value"][0]["00080104"]["Value"] == ["α"]
    assert document["00081030"]["Value"] == ["с"]


def test_j17_a_repertoire_out_of_order_still_counts() -> None:
    document = parsed(encoded((0x00100020, "LO", b"\xe1"), (0x00080005, "CS", b"ISO_IR 126")))
    assert document["00100020"]["Value"] == ["α"]


@pytest.mark.parametrize("vr", ["UN", "ZZ", "\x01\x02", "", "US or SS"])
def test_j18_what_has_no_known_vr_is_un_with_untouched_bytes(vr: str) -> None:
    assert one(vr, b"\0\xff a\\b ") == {"vr": "UN", "InlineBinary": base64.b64encode(b"\0\xff a\\b ").decode()}


def test_j18_a_number_that_came_as_un_is_little_endian_in_a_big_endian_data_set() -> None:
    dataset = DataSet([Element(0x00280010, "US", "UN", 0, 2), Element(0x00280011, "US", "US", 2, 2)], explicit=True, little=False)
    result = encode(Memory(b"\x01\x00\x00\x01"), dataset, bulkdata_root=ROOT, transfer_syntax=SYNTAX)
    assert [result.object[key]["Value"] for key in ("00280010", "00280011")] == [[1], [1]]


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_j19_binary_is_inline_without_line_breaks_or_by_reference(vr: str) -> None:
    raw = bytes(range(256)) * 4
    assert one(vr, raw) == {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
    assert one(vr, raw + b"\0\0") == {"vr": vr, "BulkDataURI": BULK + "00091001"}


@pytest.mark.parametrize("vr", ["DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"])
def test_j20_long_values_of_the_listed_vrs_go_by_reference(vr: str) -> None:
    assert one(vr, b"1" * 4104) == {"vr": vr, "BulkDataURI": BULK + "00091001"}
    assert "Value" in one(vr, b"1" * 4096)


@pytest.mark.parametrize("vr", ["AE", "AS", "AT", "CS", "DA", "DT", "LO", "PN", "SH", "TM", "UI", "UR"])
def test_j20_other_vrs_never_go_by_reference_under_their_own_name(vr: str) -> None:
    assert "Value" in one(vr, b"1" * 65532)
    result = encoded((0x00091001, vr, b"1" * 65536))
    assert parsed(result)["00091001"] == {"vr": "UN", "BulkDataURI": BULK + "00091001"}
    assert result.invalid == ("00091001",)


@pytest.mark.parametrize("tag", [0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283006])
@pytest.mark.parametrize("vr", ["OW", "US", "UN"])
def test_j21_palettes_and_lookup_tables_are_inline_up_to_4_kib(tag: int, vr: str) -> None:
    assert "BulkDataURI" not in one(vr, bytes(4096), tag=tag)
    assert "BulkDataURI" in one(vr, bytes(4098), tag=tag)


def test_j21_overlays_are_inline_up_to_1_kib() -> None:
    assert "InlineBinary" in one("OW", bytes(1024), tag=0x60023000)
    assert "BulkDataURI" in one("OW", bytes(1026), tag=0x60023000)


def test_j22_nested_bulkdata_is_addressed_by_its_whole_path() -> None:
    wave = [(0x54001010, "OW", bytes(2000))]
    inner = [(0x54000100, "SQ", [[], wave])]
    result = encoded((0x00091001, "OB", b"ab"), (0x00400555, "SQ", [inner]))
    path = "00400555/1/54000100/2/54001010"
    assert result.bulkdata == (Bulkdata(path, "OW", Span(2, 2000)),)
    assert parsed(result)["00400555"]["Value"][0]["54000100"]["Value"][1]["54001010"] == {"vr": "OW", "BulkDataURI": BULK + path}


def test_j23_group_lengths_file_meta_delimiters_and_padding_are_left_out() -> None:
    four = bytes(4)
    result = encoded(
        (0x00020010, "UI", b"1.2.3\0"),
        (0x00080000, "UL", four),
        (0x00091001, "LO", b"a"),
        (0x00400555, "SQ", [[(0x00400000, "UL", four), (0xFFFEE000, "UN", four)]]),
        (0xFFFCFFFC, "OB", four),
    )
    assert parsed(result) == {
        "00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
        "00091001": {"vr": "LO", "Value": ["a"]},
        "00400555": {"vr": "SQ", "Value": [{}]},
    }


def test_j23_the_available_transfer_syntax_is_that_of_the_stored_object() -> None:
    result = encoded((0x00083002, "UN", bytes(5000)))
    assert parsed(result) == {"00083002": {"vr": "UI", "Value": [SYNTAX]}}
    assert result.bulkdata == ()


def test_j24_private_elements_stay_with_their_creator() -> None:
    document = parsed(encoded((0x00290010, "LO", b"ACME 1.0"), (0x00291001, "UN", b"\x01\x02")))
    assert document["00290010"] == {"vr": "LO", "Value": ["ACME 1.0"]}
    assert document["00291001"] == {"vr": "UN", "InlineBinary": "AQI="}


def test_j25_repeating_groups_have_keys_of_their_own() -> None:
    document = parsed(encoded((0x60000010, "US", b"\x01\0"), (0x60020010, "US", b"\x02\0"), (0x50040005, "US", b"\x03\0")))
    assert [document[key]["Value"] for key in ("60000010", "60020010", "50040005")] == [[1], [2], [3]]


@pytest.mark.parametrize(("vr", "value"), [("US", 65535), ("SS", -1)])
def test_j26_numbers_have_the_sign_of_the_vr_that_was_resolved(vr: str, value: int) -> None:
    assert one(vr, b"\xff\xff", tag=0x00280106) == {"vr": vr, "Value": [value]}


@pytest.mark.parametrize(("tag", "vr"), [(0x7FE00010, "OW"), (0x7FE00010, "OB"), (0x7FE00008, "OF"), (0x7FE00009, "OD")])
def test_j27_pixel_data_is_never_inline(tag: int, vr: str) -> None:
    result = encoded((tag, vr, b"ab"))
    assert parsed(result)[f"{tag:08X}"] == {"vr": vr, "BulkDataURI": f"{BULK}{tag:08X}"}
    assert result.bulkdata == (Bulkdata(f"{tag:08X}", vr, Span(0, 2)),)
    assert one(vr, b"", tag=tag) == {"vr": vr}


def test_j27_pixel_data_under_a_false_vr_is_bytes_by_reference() -> None:
    result = encoded((0x7FE00010, "US", b"ab"))
    assert parsed(result)["7FE00010"] == {"vr": "UN", "BulkDataURI": BULK + "7FE00010"}
    assert result.invalid == ("7FE00010",)


def test_j27_encapsulated_pixel_data_is_ob_with_the_span_of_its_items() -> None:
    data = bytes.fromhex("feff00e000000000feff00e004000000") + b"abcd" + bytes.fromhex("feffdde000000000")
    pixels = Element(0x7FE00010, "OW", "OW", 0, len(data), undefined=True, fragments=[(8, 0), (16, 4)])
    result = encode(Memory(data), DataSet([pixels], explicit=True, little=True), bulkdata_root=ROOT, transfer_syntax=SYNTAX)
    assert parsed(result)["7FE00010"] == {"vr": "OB", "BulkDataURI": BULK + "7FE00010"}
    assert result.bulkdata == (Bulkdata("7FE00010", "OB", Span(0, 20), encapsulated=True),)


def test_j27_an_icon_follows_the_rule_of_binary_values() -> None:
    icon = [(0x7FE00010, "OB", b"ab")]
    big = [(0x7FE00010, "OB", bytes(1026))]
    first, second = parsed(encoded((0x00880200, "SQ", [icon, big])))["00880200"]["Value"]
    assert first["7FE00010"] == {"vr": "OB", "InlineBinary": "YWI="}
    assert second["7FE00010"] == {"vr": "OB", "BulkDataURI": BULK + "00880200/2/7FE00010"}


def test_j27_two_gigabytes_of_pixels_cost_nothing() -> None:
    size = 2 * 1024**3
    dataset = DataSet([Element(0x00080060, "CS", "CS", 0, 2), Element(0x7FE00010, "OW", "OW", 10, size)], explicit=True, little=True)
    result = encode(Endless(size + 10), dataset, bulkdata_root=ROOT, transfer_syntax=SYNTAX)
    assert result.bulkdata == (Bulkdata("7FE00010", "OW", Span(10, size)),)


def test_j28_of_elements_with_one_tag_the_last_counts_and_leaves_one_key() -> None:
    result = encoded((0x00091001, "UN", bytes(2000)), (0x00100020, "LO", b"first"), (0x00100020, "LO", b"last"), (0x00091001, "UN", b"abc"))
    assert parsed(result)["00100020"]["Value"] == ["last"]
    assert parsed(result)["00091001"] == {"vr": "UN", "InlineBinary": "YWJj"}
    assert result.bulkdata == ()
    assert result.text.count(b"00100020") == 1


def test_j28_bulkdata_is_in_the_order_of_the_file_also_where_tags_are_not() -> None:
    big = bytes(2000)
    result = encoded((0x00091002, "UN", big), (0x00091003, "UN", big), (0x00091001, "UN", big), (0x00091002, "UN", big))
    assert [each.path for each in result.bulkdata] == ["00091003", "00091001", "00091002"]
    assert [each.span.offset for each in result.bulkdata] == [2000, 4000, 6000]


def test_a_hostile_value_cannot_forge_the_mark_of_the_base_url() -> None:
    forged = b'"BulkDataURI":"\x01/evil","BulkDataURI":"\\u0001/evil'
    result = encoded((0x00081030, "ST", forged), (0x00091001, "OB", bytes(2000)))
    assert result.text.count(b"\x01") == 1
    assert parsed(result)["00081030"]["Value"] == [forged.decode()]
    assert result.object["00091001"]["BulkDataURI"] == "\x01" + ROOT + "/bulkdata/00091001"


def test_a_value_without_bulkdata_beside_it_cannot_forge_the_mark_either() -> None:
    assert b"\x01" not in encoded((0x00081030, "LO", b"\x01/evil"), (0x00091010, "UR", b"\x01")).text


@pytest.mark.parametrize(
    ("said", "used"),
    [
        (b"application/pdf ", "application/pdf"),
        (b"text/XML", "text/xml"),
        (b"model/stl\0", "model/stl"),
        (b"text/html", "application/octet-stream"),
        (b"image/svg+xml", "application/octet-stream"),
        (b"multipart/related", "application/octet-stream"),
        (b"application/pdf\r\nX-Evil: 1", "application/octet-stream"),
        (b"pdf", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"a/" + b"b" * 500, "application/octet-stream"),
    ],
)
def test_an_encapsulated_document_has_its_own_media_type_if_that_is_harmless(said: bytes, used: str) -> None:
    (document,) = encoded((0x00420011, "OB", bytes(2000)), (0x00420012, "LO", said)).bulkdata
    assert document.media_type == used


def test_other_bulkdata_has_the_media_type_of_octets() -> None:
    (other,) = encoded((0x00420010, "OB", bytes(2000)), (0x00420012, "LO", b"application/pdf")).bulkdata
    assert other.media_type == "application/octet-stream"


def test_invalid_values_in_items_are_listed_with_their_path() -> None:
    assert encoded((0x00081115, "SQ", [[], [(0x00280030, "DS", b"x")]])).invalid == ("00081115/2/00280030",)


def test_one_object_never_holds_more_than_its_share_of_inline_values() -> None:
    run = dicom_json._Run(Window(Memory(b"1" * 100_000)), "/", room=5000)
    elements = [Element(0x00091001 + at, vr, vr, 2000 * at, 2000) for at, vr in enumerate(["LO", "DS", "LO", "DS", "OB", "LT"])]
    tiny = Element(0x00091020, "LO", "LO", 50_000, 32)
    document: dict[str, Any] = dicom_json._data_set(run, DataSet([*elements, tiny], explicit=True, little=True), "", DEFAULT_REPERTOIRE)
    kinds = [(value["vr"], *sorted(set(value) - {"vr"})) for value in document.values()]
    assert kinds == [
        ("LO", "Value"),
        ("DS", "Value"),
        ("UN", "BulkDataURI"),
        ("DS", "BulkDataURI"),
        ("OB", "BulkDataURI"),
        ("LT", "BulkDataURI"),
        ("LO", "Value"),
    ]


def test_the_object_is_what_the_text_says_and_encoding_is_deterministic() -> None:
    parts = [(0x00080060, "CS", b"CT"), (0x00091001, "OB", bytes(2000)), (0x00280030, "DS", b"0.5\\x"), (0x00100010, "PN", b"A\\")]
    assert json.loads(encoded(*parts).text, strict=False) == encoded(*parts).object
    assert encoded(*parts) == encoded(*parts)


def test_many_empty_values_soon_use_up_the_share() -> None:
    run = dicom_json._Run(Window(Memory(b"\\" * 8000)), "/", room=100_000)
    elements = [Element(0x00091001 + at, "LO", "LO", 4000 * at, 4000) for at in range(2)]
    first, second = dicom_json._data_set(run, DataSet(elements, explicit=True, little=True), "", DEFAULT_REPERTOIRE).values()
    assert len(first["Value"]) == 4001
    assert second == {"vr": "UN", "BulkDataURI": "/00091002"}
