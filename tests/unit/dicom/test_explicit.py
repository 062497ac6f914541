"""What goes out, for the cases that the corpus does not have (PS3.18 8.7.3)."""

from __future__ import annotations

import io
import struct
import zlib

import numpy
import pydicom
import pytest

from app.dicom import explicit, part10, transfer_syntax
from app.dicom.elements import Malformed
from app.model import Span
from tests.builders import MemorySource, encapsulated, instance
from tests.unit.dicom import raw
from tests.unit.dicom.corpus_files import walked

JPEG_FRAME = b"\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xd9\0"


def plan(data: bytes) -> tuple[bytes | Span, ...]:
    source = MemorySource(data)
    header = part10.read_header(source)
    return explicit.pieces(source, header, walked(source, header).dataset)


def sent(data: bytes) -> bytes:
    source = MemorySource(data)
    header = part10.read_header(source)
    if transfer_syntax.lookup(header.transfer_syntax).rewritten:
        return b"".join(explicit.rewrite(source, header, walked(source, header).dataset))
    return b"".join(piece if isinstance(piece, bytes) else data[piece.offset : piece.end] for piece in plan(data))


def read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(sent(data)))


def test_a_sound_object_goes_out_as_it_is() -> None:
    data = instance()
    assert plan(data) == (Span(0, len(data)),)


@pytest.mark.parametrize(
    ("preamble", "kept"), [(b"MZ" + bytes(126), False), (b"II*\0" + b"x" * 124, True), (b"MM\0*" + b"x" * 124, True), (b"x" * 128, False)]
)
def test_r26_only_a_preamble_that_may_be_tiff_is_kept(preamble: bytes, kept: bool) -> None:
    data = preamble + instance()[128:]
    assert sent(data)[:128] == (preamble if kept else bytes(128))
    assert sent(data)[128:] == data[128:]


@pytest.mark.parametrize("data", [raw.UIDS, b"DICM" + raw.meta() + raw.UIDS, raw.meta() + raw.UIDS])
def test_a_missing_head_is_made(data: bytes) -> None:
    out = read(data)
    assert out.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert str(out.file_meta.TransferSyntaxUID) == transfer_syntax.EXPLICIT_LE
    assert out.file_meta.FileMetaInformationGroupLength == len(sent(data)) - len(raw.UIDS) - 144
    assert out.SOPInstanceUID == "1.2.3.4"
    assert plan(data)[1:] == (Span(len(data) - len(raw.UIDS), len(raw.UIDS)),)


def test_a_head_that_names_another_instance_is_made_anew_and_keeps_where_it_came_from() -> None:
    data = instance()
    made = pydicom.dcmread(io.BytesIO(data))
    made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("9.9")
    made.file_meta.SourceApplicationEntityTitle = "CT1"
    stream = io.BytesIO()
    made.save_as(stream)
    out = read(stream.getvalue())
    assert out.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert out.file_meta.SourceApplicationEntityTitle == "CT1"


def test_large_values_of_an_implicit_object_are_spans() -> None:
    data = instance(transfer_syntax="1.2.840.10008.1.2", rows=512, columns=512)
    found = plan(data)
    assert [type(piece) for piece in found] == [bytes, Span]
    assert found[1] == Span(len(data) - 512 * 512 * 2, 512 * 512 * 2)
    assert read(data).PixelData == pydicom.dcmread(io.BytesIO(data)).PixelData


def test_a_plan_that_would_fill_the_memory_is_empty_and_rewriting_gives_the_same_file() -> None:
    source = MemorySource(instance(transfer_syntax=transfer_syntax.IMPLICIT_LE, rows=0, StudyDescription="x" * 60))
    header = part10.read_header(source)
    dataset = walked(source, header).dataset
    (whole,) = explicit.pieces(source, header, dataset)
    assert isinstance(whole, bytes)
    assert explicit.pieces(source, header, dataset, literals=len(whole)) == (whole,)
    assert explicit.pieces(source, header, dataset, literals=len(whole) - 1) == ()
    assert b"".join(explicit.rewrite(source, header, dataset)) == whole


def test_a_value_too_long_for_16_bits_becomes_un() -> None:
    data = raw.file(raw.implicit(0x00100010, b"A" * 65536), b"1.2.840.10008.1.2\0")
    out = sent(data)
    assert out[-65536 - 12 :][:12] == b"\x10\0\x10\0UN\0\0" + struct.pack("<L", 65536)


def test_odd_values_are_padded_and_group_lengths_and_padding_left_out() -> None:
    body = raw.implicit(0x00080000, b"\4\0\0\0") + raw.implicit(0x00080018, b"1.2") + raw.implicit(0x00100010, b"A^B")
    out = read(raw.file(body + raw.implicit(0xFFFCFFFC, bytes(50)), b"1.2.840.10008.1.2\0"))
    assert [int(element.tag) for element in out] == [0x00080018, 0x00100010]
    assert out.PatientName == "A^B"
    assert out.SOPInstanceUID == "1.2"


def test_a_truncated_value_gets_the_length_that_is_there() -> None:
    out = sent(raw.file(raw.UIDS + raw.explicit(0x7FE00010, "OW", b"abcd", length=1000)))
    assert out[-16:] == raw.explicit(0x7FE00010, "OW", b"abcd")


def test_trailing_bytes_do_not_go_out() -> None:
    assert sent(raw.file(raw.UIDS) + b"garbage, or a program").endswith(raw.UIDS)


def test_missing_delimiters_are_put_in() -> None:
    code = raw.explicit(0x00080100, "SH", b"T1")
    body = raw.UIDS + raw.explicit(0x00081140, "SQ", raw.item(code, raw.UNDEFINED), raw.UNDEFINED)
    assert sent(raw.file(body)).endswith(body + raw.ITEM_END + raw.SEQUENCE_END)


def test_un_sequences_of_a_damaged_object_become_explicit() -> None:
    nested = raw.explicit(0x00081140, "UN", raw.item(raw.implicit(0x00080100, b"T1")) + raw.SEQUENCE_END, raw.UNDEFINED)
    out = read(raw.file(raw.UIDS + nested + raw.explicit(0x00100010, "PN", b"A^B")))
    assert out.ReferencedImageSequence[0].CodeValue == "T1"


def test_implicit_headers_over_fragments_keep_the_claimed_syntax() -> None:
    pixels = raw.implicit(0x7FE00010, raw.item(b"") + raw.item(JPEG_FRAME) + raw.SEQUENCE_END, raw.UNDEFINED)
    out = read(raw.file(raw.implicit(0x00080018, b"1.2.3.4\0") + pixels, b"1.2.840.10008.1.2.4.70"))
    assert out.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"


def test_fragments_under_an_uncompressed_claim_are_recognized() -> None:
    pixels = raw.explicit(0x7FE00010, "OB", raw.item(b"") + raw.item(JPEG_FRAME) + raw.SEQUENCE_END, raw.UNDEFINED)
    assert str(read(raw.file(raw.UIDS + pixels)).file_meta.TransferSyntaxUID) == transfer_syntax.JPEG_BASELINE


def test_native_pixels_under_a_compressed_claim_are_explicit_little_endian() -> None:
    data = raw.file(raw.UIDS + raw.explicit(0x7FE00010, "OW", b"abcd"), b"1.2.840.10008.1.2.4.70")
    assert str(read(data).file_meta.TransferSyntaxUID) == transfer_syntax.EXPLICIT_LE


def test_a_compressed_object_keeps_its_syntax() -> None:
    data = encapsulated([JPEG_FRAME], transfer_syntax.JPEG_BASELINE)
    assert plan(data) == (Span(0, len(data)),)


@pytest.mark.parametrize(
    ("vr", "value", "turned"),
    [
        ("US", b"\1\2\3\4", b"\2\1\4\3"),
        ("AT", b"\0\x28\0\x10", b"\x28\0\x10\0"),
        ("FL", b"\1\2\3\4", b"\4\3\2\1"),
        ("OV", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        ("OW", b"\1\2\3\4", b"\2\1\4\3"),
        ("OB", b"\1\2\3\4", b"\1\2\3\4"),
        ("UN", b"\1\2\3\4", b"\1\2\3\4"),
        ("LO", b"abcd", b"abcd"),
        ("FD", b"\1\2\3\4", b"\1\2\3\4"),
    ],
)
def test_the_numbers_of_big_endian_values_are_turned(vr: str, value: bytes, turned: bytes) -> None:
    body = raw.explicit(0x00080018, "UI", b"1.2.3.4\0", order=">") + raw.explicit(0x00091001, vr, value, order=">")
    assert sent(raw.file(body, b"1.2.840.10008.1.2.2\0")).endswith(raw.explicit(0x00091001, vr, turned))


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_large_big_endian_pixels_are_turned_by_their_width_in_bounded_chunks(bits: int) -> None:
    width = bits // 8
    numbers = numpy.arange(3_000_000 // width, dtype=f">u{width}")
    body = raw.explicit(0x00280100, "US", struct.pack(">H", bits), order=">")
    body += raw.explicit(0x7FE00010, "OW", numbers.tobytes(), order=">")
    source = MemorySource(raw.file(body, b"1.2.840.10008.1.2.2\0"))
    header = part10.read_header(source)
    chunks = list(explicit.rewrite(source, header, walked(source, header).dataset))
    assert max(map(len, chunks)) <= 1024 * 1024
    assert b"".join(chunks).endswith(numbers.astype(f"<u{width}").tobytes())


def test_pixels_of_the_ge_private_syntax_are_turned() -> None:
    body = raw.implicit(0x00280100, b"\x10\0") + raw.implicit(0x7FE00010, b"\1\2\3\4")
    out = sent(raw.file(body, transfer_syntax.GE_IMPLICIT_BE.encode()))
    assert out.endswith(raw.explicit(0x00280100, "US", b"\x10\0") + raw.explicit(0x7FE00010, "OW", b"\2\1\4\3"))


def test_objects_that_must_be_rewritten_have_no_pieces() -> None:
    with pytest.raises(ValueError, match="rewrite"):
        plan(instance(transfer_syntax="1.2.840.10008.1.2.2"))


def inflated(data: bytes, limit: int = 2**30, ratio: int = 1000) -> bytes:
    source = MemorySource(data)
    return b"".join(explicit.inflate(source, part10.read_header(source), limit=limit, ratio=ratio))


def deflated(dataset: bytes, *, wbits: int = -15) -> bytes:
    return raw.file(zlib.compress(dataset, 9, wbits=wbits), b"1.2.840.10008.1.2.1.99")


@pytest.mark.parametrize("wbits", [-15, 15])
def test_a_deflated_object_is_inflated_under_a_new_head(wbits: int) -> None:
    data = raw.UIDS + raw.explicit(0x00100010, "PN", b"A^BC")
    out = inflated(deflated(data, wbits=wbits))
    assert out.endswith(data)
    found = pydicom.dcmread(io.BytesIO(out))
    assert str(found.file_meta.TransferSyntaxUID) == transfer_syntax.EXPLICIT_LE
    assert found.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


def test_inflating_is_bounded_by_size_and_ratio() -> None:
    bomb = deflated(raw.UIDS + raw.explicit(0x7FE00010, "OB", bytes(20_000_000)))
    with pytest.raises(Malformed, match="larger"):
        inflated(bomb, limit=1_000_000)
    with pytest.raises(Malformed, match="grows"):
        inflated(bomb, ratio=100)


def test_a_deflate_stream_that_is_cut_off_gives_what_is_there() -> None:
    data = raw.UIDS + raw.explicit(0x7FE00010, "OB", numpy.random.default_rng(1).bytes(100_000))
    out = inflated(deflated(data)[:-50_000])
    assert raw.UIDS in out
    assert data.startswith(out[out.index(raw.UIDS) :])
