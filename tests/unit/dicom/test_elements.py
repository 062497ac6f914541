"""The walker over raw data elements (PS3.5 7), on bytes that the corpus does not have."""

from __future__ import annotations

import pytest

from app.dicom import elements
from app.dicom.elements import Element, Malformed, find
from app.dicom.repairs import Repair
from tests.builders import MemorySource
from tests.unit.dicom.raw import ITEM_END, SEQUENCE_END, UIDS, UNDEFINED, explicit, implicit, item, walk

CODE = explicit(0x00080100, "SH", b"T1")
IMPLICIT_CODE = implicit(0x00080100, b"T1")


def only(walked: elements.Walked) -> Element:
    assert len(walked.dataset.elements) == 1
    return walked.dataset.elements[0]


@pytest.mark.parametrize(
    "data",
    [
        explicit(0x00081140, "SQ", item(CODE)),
        explicit(0x00081140, "SQ", item(CODE + ITEM_END, UNDEFINED)),
        explicit(0x00081140, "SQ", item(CODE) + SEQUENCE_END, UNDEFINED),
        explicit(0x00081140, "SQ", item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
        explicit(0x00081140, "UN", item(IMPLICIT_CODE)),
        explicit(0x00081140, "UN", item(IMPLICIT_CODE) + SEQUENCE_END, UNDEFINED),
        explicit(0x00091001, "UN", item(IMPLICIT_CODE) + SEQUENCE_END, UNDEFINED),
    ],
)
def test_a_sequence_is_found_in_every_encoding(data: bytes) -> None:
    found = walk(data)
    sequence = only(found)
    assert found.repairs == ()
    assert found.end == len(data)
    assert sequence.vr == "SQ"
    assert sequence.items is not None
    assert [element.vr for element in sequence.items[0].elements] == ["SH"]


def test_un_of_a_known_sequence_that_is_none_stays_un() -> None:
    found = walk(explicit(0x00081140, "UN", b"not items at all"))
    assert (only(found).vr, only(found).items, found.repairs) == ("UN", None, ())


def test_a_sequence_whose_value_is_no_items_is_kept_as_bytes() -> None:
    found = walk(explicit(0x00081140, "SQ", b"not items at all"))
    assert (only(found).vr, only(found).stored_vr, found.repairs) == ("UN", "SQ", (Repair.INVALID_SEQUENCE,))


def test_un_of_a_known_tag_gets_the_vr_of_the_dictionary() -> None:
    element = only(walk(explicit(0x00280030, "UN", b"0.5\\0.5 ")))
    assert (element.vr, element.stored_vr) == ("DS", "UN")


@pytest.mark.parametrize(("representation", "vr"), [(0, "US"), (1, "SS")])
def test_us_or_ss_follows_the_pixel_representation_found_later_and_outside(representation: int, vr: str) -> None:
    data = implicit(0x00081140, item(implicit(0x00280106, b"\1\0"))) + implicit(0x00280103, bytes([representation, 0]))
    items = walk(data, is_explicit=False).dataset.elements[0].items
    assert items is not None
    assert items[0].elements[0].vr == vr


def test_the_nearest_pixel_representation_counts() -> None:
    inner = item(implicit(0x00280103, b"\1\0") + implicit(0x00280106, b"\1\0"))
    items = walk(implicit(0x00081140, inner) + implicit(0x00280103, b"\0\0"), is_explicit=False).dataset.elements[0].items
    assert items is not None
    assert items[0].elements[1].vr == "SS"


@pytest.mark.parametrize(("entries", "vr"), [(b"\1\0", "US"), (b"\0\1", "OW")])
def test_lut_data_is_us_for_one_entry(entries: bytes, vr: str) -> None:
    data = implicit(0x00283002, entries + b"\0\0\x10\0") + implicit(0x00283006, b"\0" * 8)
    assert walk(data, is_explicit=False).dataset.elements[1].vr == vr


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00080000, "UL"),
        (0x00090010, "LO"),
        (0x00091001, "UN"),
        (0x60023000, "OW"),
        (0x60020010, "US"),
        (0x50003000, "OW"),
        (0x7FE00010, "OW"),
        (0x00100010, "PN"),
        (0x00203105, "CS"),
        (0xFFFCFFFC, "OB"),
    ],
)
def test_implicit_elements_get_their_vr_from_the_dictionary(tag: int, vr: str) -> None:
    assert only(walk(implicit(tag, b"\1\0\0\0"), is_explicit=False)).vr == vr


def test_private_elements_of_a_known_creator_get_their_vr() -> None:
    data = implicit(0x00190010, b"GEMS_ACQU_01") + implicit(0x0019100F, b"1.5 ")
    assert [element.vr for element in walk(data, is_explicit=False).dataset.elements] == ["LO", "DS"]


def test_a_private_vr_that_does_not_fit_its_value_is_not_believed() -> None:
    data = implicit(0x00190010, b"SIEMENS MR HEADER ") + implicit(0x0019100E, b"\0" * 12)
    assert walk(data, is_explicit=False).dataset.elements[1].vr == "UN"


def test_an_element_without_a_vr_in_explicit_vr_is_read_as_implicit() -> None:
    found = walk(UIDS + implicit(0x00080060, b"CT") + explicit(0x00080070, "LO", b"ACME"))
    assert [(element.vr, element.stored_vr) for element in found.dataset.elements[2:]] == [("CS", ""), ("LO", "LO")]
    assert found.repairs == (Repair.INVALID_VR,)


def test_a_vr_of_a_later_edition_is_taken_as_un() -> None:
    later = b"\x09\x00\x01\x10ZZ\0\0\x04\0\0\0abcd"
    found = walk(UIDS + later + explicit(0x00100010, "PN", b"A^"))
    assert [element.stored_vr for element in found.dataset.elements] == ["UI", "UI", "UN", "PN"]


def test_a_value_cut_off_by_the_end_is_clipped() -> None:
    found = walk(UIDS + explicit(0x7FE00010, "OW", b"1234", length=100))
    assert found.dataset.elements[-1].length == 4
    assert found.repairs == (Repair.TRUNCATED,)


def test_a_value_longer_than_its_item_is_clipped_there() -> None:
    found = walk(explicit(0x00081140, "SQ", item(explicit(0x00080100, "SH", b"T1", length=50))) + UIDS)
    assert [element.tag for element in found.dataset.elements] == [0x00081140, 0x00080016, 0x00080018]
    assert Repair.TRUNCATED in found.repairs


@pytest.mark.parametrize("trail", [b"\0" * 7, b"\0" * 512, b"\r\n", b"garbage after the end of the data set"])
def test_bytes_behind_the_data_set_are_told(trail: bytes) -> None:
    found = walk(UIDS + trail)
    assert found.end == len(UIDS)
    assert found.repairs == (Repair.TRAILING_BYTES,)


def test_missing_delimiters_are_told() -> None:
    found = walk(explicit(0x00081140, "SQ", item(CODE, UNDEFINED), UNDEFINED))
    assert found.repairs == (Repair.MISSING_DELIMITER,)
    assert only(found).items is not None


def test_stray_delimiters_are_stepped_over() -> None:
    found = walk(UIDS + ITEM_END + SEQUENCE_END + explicit(0x00100010, "PN", b"A^"))
    assert find(found.dataset, 0x00100010) is not None
    assert found.repairs == (Repair.STRAY_DELIMITER,)


def test_odd_lengths_are_told() -> None:
    assert walk(explicit(0x00100010, "PN", b"A^B")).repairs == (Repair.ODD_LENGTH,)


def test_fragments_are_found_also_in_a_nested_icon() -> None:
    pixels = explicit(0x7FE00010, "OB", item(b"") + item(b"\xff\xd8") + item(b"\xff\xd9") + SEQUENCE_END, UNDEFINED)
    found = walk(explicit(0x00880200, "SQ", item(pixels)))
    items = only(found).items
    assert items is not None
    assert [length for _, length in items[0].elements[0].fragments or []] == [0, 2, 2]
    assert found.repairs == ()


def test_the_scan_of_fragments_reads_headers_only() -> None:
    pixels = explicit(0x7FE00010, "OB", item(b"") + item(bytes(1_000_000)) * 20 + SEQUENCE_END, UNDEFINED)
    source = MemorySource(UIDS + pixels)
    elements.walk(source, start=0, explicit=True, little=True, nesting=4, elements=100)
    assert source.bytes_read < 200_000


def test_big_endian_headers_are_read() -> None:
    found = walk(explicit(0x00280010, "US", b"\0\x08", order=">"), little=False)
    assert elements.number(MemorySource(b"\x00\x28\x00\x10US\x00\x02\x00\x08"), found.dataset, 0x00280010) == 8


def test_nesting_is_bounded() -> None:
    data = b""
    for _ in range(20):
        data = explicit(0x00081140, "SQ", item(data))
    assert walk(data, nesting=20).repairs == ()
    with pytest.raises(Malformed, match="nested"):
        walk(data, nesting=19)


@pytest.mark.parametrize(
    "data",
    [
        CODE * 101,
        explicit(0x00081140, "SQ", item(b"") * 101),
        explicit(0x7FE00010, "OB", item(b"") * 101 + SEQUENCE_END, UNDEFINED),
        UIDS + ITEM_END * 101,
    ],
)
def test_the_count_of_elements_items_and_fragments_is_bounded(data: bytes) -> None:
    with pytest.raises(Malformed, match="more elements"):
        walk(data, count=100)


def test_what_does_not_begin_with_an_element_is_malformed() -> None:
    with pytest.raises(Malformed):
        walk(b"\xff" * 100)


def test_text_is_stripped_of_padding_and_empty_if_absent() -> None:
    source = MemorySource(UIDS)
    found = walk(UIDS).dataset
    assert elements.text(source, found, 0x00080018) == "1.2.3.4"
    assert elements.text(source, found, 0x00100010) == ""
