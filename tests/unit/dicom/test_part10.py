"""The head of the file: what is accepted, what it is taken for, and what is refused (PS3.10 7.1)."""

from __future__ import annotations

import struct
import zlib

import pytest

from app.dicom import part10, transfer_syntax
from app.dicom.elements import walk
from app.dicom.repairs import Repair
from tests.builders import MemorySource, instance
from tests.unit.dicom.raw import UIDS, explicit, file, header, implicit, meta

IMPLICIT_UIDS = implicit(0x00080016, b"1.2.840.10008.5.1.4.1.1.7\0") + implicit(0x00080018, b"1.2.3.4\0")
BIG_UIDS = explicit(0x00080018, "UI", b"1.2.3.4\0", order=">")


def test_a_sound_file_needs_no_repair() -> None:
    found = header(instance())
    assert found.repairs == ()
    assert found.preamble == bytes(128)
    assert found.transfer_syntax == transfer_syntax.EXPLICIT_LE


def test_the_offset_is_that_of_the_first_element() -> None:
    data = file(UIDS)
    assert data[header(data).offset :] == UIDS


@pytest.mark.parametrize(
    ("dataset", "claim", "effective"),
    [
        (UIDS, b"1.2.840.10008.1.2\0", transfer_syntax.EXPLICIT_LE),
        (IMPLICIT_UIDS, b"1.2.840.10008.1.2.1\0", transfer_syntax.IMPLICIT_LE),
        (IMPLICIT_UIDS, b"1.2.840.10008.1.2.4.50", transfer_syntax.IMPLICIT_LE),
        (BIG_UIDS, b"1.2.840.10008.1.2.1\0", transfer_syntax.EXPLICIT_BE),
        (UIDS, b"1.2.840.10008.1.2.2\0", transfer_syntax.EXPLICIT_LE),
        (UIDS, b"1.2.840.10008.1.2.1.99", transfer_syntax.EXPLICIT_LE),
        (zlib.compress(UIDS, wbits=-15), b"1.2.840.10008.1.2.1\0", transfer_syntax.DEFLATED_LE),
    ],
)
def test_a_wrong_claim_gives_way_to_what_the_bytes_say(dataset: bytes, claim: bytes, effective: str) -> None:
    found = header(file(dataset, claim))
    assert found.transfer_syntax == effective
    assert Repair.WRONG_TRANSFER_SYNTAX in found.repairs


@pytest.mark.parametrize("claim", [b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.1.98"])
def test_a_right_claim_stands(claim: bytes) -> None:
    found = header(file(UIDS, claim))
    assert found.transfer_syntax == claim.decode().rstrip("\0")
    assert found.repairs == ()


def test_an_unknown_transfer_syntax_is_kept_and_named() -> None:
    found = header(file(UIDS, b"1.2.3.99"))
    assert (found.transfer_syntax, found.repairs) == ("1.2.3.99", (Repair.UNKNOWN_TRANSFER_SYNTAX,))


def test_a_deflated_data_set_is_recognized() -> None:
    assert header(instance(transfer_syntax="1.2.840.10008.1.2.1.99")).repairs == ()


@pytest.mark.parametrize("dataset", [UIDS, IMPLICIT_UIDS, BIG_UIDS])
def test_a_bare_data_set_is_accepted(dataset: bytes) -> None:
    found = header(dataset)
    assert found.offset == 0
    assert found.repairs == (Repair.NO_PREAMBLE, Repair.NO_FILE_META)


def test_a_prefix_without_preamble_is_accepted() -> None:
    found = header(b"DICM" + meta() + UIDS)
    assert found.preamble is None
    assert found.repairs == (Repair.NO_PREAMBLE,)


def test_a_preamble_without_prefix_is_accepted() -> None:
    assert header(bytes(128) + meta() + UIDS).transfer_syntax == transfer_syntax.EXPLICIT_LE


def test_file_meta_without_preamble_is_accepted() -> None:
    found = header(meta() + UIDS)
    assert found.offset == len(meta())
    assert found.repairs == (Repair.NO_PREAMBLE,)


@pytest.mark.parametrize("length", [0, 4, 100_000, 0xFFFFFFFF])
def test_a_wrong_group_length_is_not_believed(length: int) -> None:
    wrong = explicit(0x00020000, "UL", struct.pack("<L", length)) + meta()[12:]
    found = header(bytes(128) + b"DICM" + wrong + UIDS)
    assert found.offset == 132 + len(wrong)
    assert found.repairs == (Repair.META_LENGTH,)


def test_a_missing_transfer_syntax_is_found_out() -> None:
    body = explicit(0x00020002, "UI", b"1.2\0") + explicit(0x00020003, "UI", b"1.2.3.4\0")
    found = header(bytes(128) + b"DICM" + body + IMPLICIT_UIDS)
    assert found.transfer_syntax == transfer_syntax.IMPLICIT_LE
    assert Repair.NO_TRANSFER_SYNTAX in found.repairs


def test_file_meta_in_implicit_vr_is_read() -> None:
    body = implicit(0x00020003, b"1.2.3.4\0") + implicit(0x00020010, b"1.2.840.10008.1.2\0")
    found = header(bytes(128) + b"DICM" + body + IMPLICIT_UIDS)
    assert found.meta[0x00020003] == b"1.2.3.4\0"
    assert Repair.META_ENCODING in found.repairs


@pytest.mark.parametrize(("dataset", "differs"), [(UIDS, False), (explicit(0x00080018, "UI", b"9.9\0"), True)])
def test_other_uids_in_the_file_meta_are_noticed(dataset: bytes, differs: bool) -> None:
    data = file(dataset)
    source, found = MemorySource(data), header(data)
    tree = walk(source, start=found.offset, explicit=True, little=True, nesting=2, elements=9)
    assert part10.mismatch(source, found, tree.dataset) is differs


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello, this is a report about somebody\n" * 20, "text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "JPEG"),
        (b"PK\x03\x04" + bytes(200), "ZIP"),
        (b"%PDF-1.7" + bytes(200), "PDF"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'\xef\xbb\xbf{"a": 1}', "JSON"),
        (bytes(5000), "zero bytes"),
        (bytes(300), "zero bytes"),
        (b"\x08", "unknown kind"),
    ],
)
def test_what_is_no_dicom_is_refused_with_a_sentence_that_says_what_it_is(data: bytes, word: str) -> None:
    with pytest.raises(part10.NotDicom, match=word):
        header(data)


def test_file_meta_without_end_is_refused() -> None:
    with pytest.raises(part10.NotDicom, match="damaged"):
        header(bytes(128) + b"DICM" + explicit(0x00020102, "OB", b"abc", length=2**31))


def test_a_head_before_something_else_is_refused() -> None:
    with pytest.raises(part10.NotDicom):
        header(bytes(128) + b"DICM" + b"\xff" * 400)
