"""The table of transfer syntaxes against pydicom's (PS3.6 table A-1), and the rules of UIDs (PS3.5 9.1)."""

from __future__ import annotations

import pydicom.uid
import pytest

from app.dicom import transfer_syntax, uid
from app.dicom.repairs import Repair

STANDARD = [known for known in pydicom.uid.AllTransferSyntaxes if known.is_transfer_syntax]


NOT_ENCAPSULATED = {known for known in STANDARD if known.startswith(("1.2.840.10008.1.2.7.", "1.2.840.10008.1.2.6."))} | {
    "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.204",
}
DEFLATED = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}


@pytest.mark.parametrize("known", STANDARD)
def test_the_table_agrees_with_the_dictionary(known: pydicom.uid.UID) -> None:
    found = transfer_syntax.lookup(known)
    assert transfer_syntax.is_known(known)
    assert (found.explicit, found.little) == (not known.is_implicit_VR, known.is_little_endian)
    assert found.deflated == (known in DEFLATED)
    assert found.encapsulated == (known.is_compressed and known not in NOT_ENCAPSULATED | DEFLATED)


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        ("4.50", "image/jpeg"),
        ("4.80", "image/jls"),
        ("4.91", "image/jp2"),
        ("4.92", "image/jpx"),
        ("4.110", "image/jxl"),
        ("4.202", "image/jphc"),
        ("5", "image/dicom-rle"),
        ("4.100", "video/mpeg"),
        ("4.103", "video/mp4"),
        ("4.107", "video/H265"),
        ("1", "application/octet-stream"),
    ],
)
def test_each_syntax_has_the_media_type_of_its_frames(suffix: str, media_type: str) -> None:
    assert transfer_syntax.lookup(f"1.2.840.10008.1.2.{suffix}").media_type == media_type


def test_an_unknown_syntax_is_taken_for_encapsulated_explicit_little_endian() -> None:
    found = transfer_syntax.lookup("1.2.3")
    assert (found.explicit, found.little, found.encapsulated, found.media_type) == (True, True, True, "application/octet-stream")


def test_only_deflated_and_big_endian_objects_are_rewritten() -> None:
    rewritten = {known for known in (*STANDARD, *DEFLATED, transfer_syntax.GE_IMPLICIT_BE) if transfer_syntax.lookup(known).rewritten}
    assert rewritten == DEFLATED | {transfer_syntax.EXPLICIT_BE, transfer_syntax.GE_IMPLICIT_BE}


@pytest.mark.parametrize("text", ["1", "1.2.840.10008.1.2", "1.02.3", "2.25." + "9" * 59])
def test_uids_are_digits_and_dots(text: str) -> None:
    assert uid.is_valid(text)
    assert uid.parse(text) == text


@pytest.mark.parametrize("text", ["", ".", "1.", ".1", "1..2", "1.2a", "1.2 ", "1.2\n", "1.2\0", "١.٢", "1" * 65])
def test_anything_else_is_no_uid(text: str) -> None:
    assert not uid.is_valid(text)
    with pytest.raises(ValueError, match="unique identifier"):
        uid.parse(text)


@pytest.mark.parametrize("repair", list(Repair))
def test_each_repair_has_a_sentence(repair: Repair) -> None:
    assert len(repair.sentence) > 30
