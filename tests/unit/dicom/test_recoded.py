"""Files with their Pixel Data in another transfer syntax: what changes, and that nothing else does; pydicom reads the outcome."""

from __future__ import annotations

import io
import random
import struct
from dataclasses import replace
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from app.dicom import recoded
from app.dicom.elements import Malformed
from app.dicom.outermost import Outermost
from app.dicom.picture import ImageAttributes
from app.dicom.transfer_syntax import EXPLICIT_LE, JPEG_LS_LOSSLESS
from app.model import Span
from tests.builders import dataset, encapsulated, part10
from tests.unit.dicom import raw

GRAY = ImageAttributes(rows=4, columns=6, allocated=16, stored=12, high=11, frames=2)
COLOUR = ImageAttributes(rows=4, columns=6, samples=3, photometric="YBR_RCT", allocated=8, stored=8, high=7)


def scanned(data: bytes, step: int | None = None) -> Outermost:
    found = Outermost()
    step = step or len(data)
    for start in range(0, len(data), step):
        if found.feed(data[start : start + step]):
            break
    return found


def joined(data: bytes, pieces: tuple[bytes | Span, ...]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else data[piece.offset : piece.end] for piece in pieces)


def rewritten(data: bytes, was: ImageAttributes, now: ImageAttributes, frames: list[bytes], *, lossy: bool = False) -> bytes:
    """The whole file, decompressed into these frames."""
    found = scanned(data)
    assert found.pixels is not None
    packed = recoded.Packed(recoded.native_bits(now))
    native = b"".join(packed.feed(frame) for frame in frames) + packed.close()
    return joined(data, recoded.before(found.places, found.pixels, was, now, EXPLICIT_LE, lossy=lossy)) + recoded.padded(native)


def compressed(**keywords: Any) -> bytes:
    return encapsulated([b"\xff\x4f\xff\x51" + bytes(20)] * 2, JPEG2000Lossless, **({"rows": 4, "columns": 6, "bits": 16} | keywords))


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def test_pydicom_reads_the_frames_and_finds_nothing_else_changed() -> None:
    data = compressed(PatientComments="x" * 70_000, BitsStored=12, HighBit=11)
    frames = [struct.pack("<24H", *range(24)), struct.pack("<24H", *range(4000, 4024))]
    made, before = read(rewritten(data, GRAY, GRAY, frames)), read(data)
    assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert made.pixel_array.astype("<u2").tobytes() == b"".join(frames)
    assert made["PixelData"].VR == "OW"
    del made.PixelData, before.PixelData
    assert made == before
    made.file_meta.TransferSyntaxUID = before.file_meta.TransferSyntaxUID
    del made.file_meta.FileMetaInformationGroupLength, before.file_meta.FileMetaInformationGroupLength
    assert made.file_meta == before.file_meta


def test_the_group_length_is_that_of_the_group() -> None:
    made = rewritten(compressed(), GRAY, GRAY, [bytes(48)] * 2)
    (length,) = struct.unpack_from("<L", made, 140)
    assert made[144 + length : 144 + length + 2] == b"\x08\0"
    assert read(made).file_meta.FileMetaInformationGroupLength == length


def test_the_colours_are_told_as_they_are_now() -> None:
    data = encapsulated([bytes(20)], JPEG2000Lossless, rows=4, columns=6, SamplesPerPixel=3, PhotometricInterpretation="YBR_RCT")
    now = replace(COLOUR, photometric="RGB", planar=0)
    made = read(rewritten(data, replace(COLOUR, planar=1), now, [bytes(72)]))
    assert (made.PhotometricInterpretation, made.PlanarConfiguration) == ("RGB", 0)
    assert made["PixelData"].VR == "OB"
    tags = [element.tag for element in made]
    assert tags == sorted(tags)


@pytest.mark.parametrize("there", [None, "00", "01"])
def test_the_mark_of_lossy_compression_is_set_where_it_was_missing(there: str | None) -> None:
    data = compressed(LossyImageCompression=there)
    made = rewritten(data, GRAY, GRAY, [bytes(48)] * 2, lossy=True)
    assert read(made).LossyImageCompression == "01"
    assert made.count(b"\x28\0\x10\x21CS") == 1
    assert read(rewritten(data, GRAY, GRAY, [bytes(48)] * 2)).get("LossyImageCompression") == there


def test_offset_tables_and_group_lengths_that_are_no_longer_true_are_left_out() -> None:
    data = encapsulated([bytes(20)] * 2, JPEG2000Lossless, rows=4, columns=6, bits=16, eot=True)
    at = data.index(b"\x28\0\x02\0US")
    data = data[:at] + raw.explicit(0x00280000, "UL", struct.pack("<L", 90)) + data[at:]
    made = read(rewritten(data, GRAY, GRAY, [bytes(48)] * 2))
    assert not {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"} & set(made.dir())
    assert 0x00280000 not in made


def test_frames_of_single_bits_follow_one_another_without_a_gap() -> None:
    bits = replace(GRAY, rows=3, columns=3, allocated=1, stored=1, high=0, frames=3)
    frames = [0b1_0000_0001, 0b0_1010_1010, 0b1_1111_0000]
    data = rewritten(compressed(rows=3, columns=3, bits=8), bits, bits, [frame.to_bytes(2, "little") for frame in frames])
    native = int.from_bytes(data[-4:], "little")
    assert data[-8:-4] == struct.pack("<L", 4)
    assert [native >> 9 * place & 0x1FF for place in range(3)] == frames


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_the_elements_are_found_wherever_the_file_is_cut(step: int) -> None:
    made = dataset(rows=4, columns=6, frames=2)
    inner = Dataset()
    inner.CodeValue = "x" * 30
    inner.is_undefined_length_sequence_item = True
    for undefined in (False, True):
        outer = Dataset()
        outer.AnatomicRegionSequence = Sequence([inner, Dataset()])
        outer["AnatomicRegionSequence"].is_undefined_length = undefined
        made.ReferencedImageSequence = Sequence([outer, inner])
        made["ReferencedImageSequence"].is_undefined_length = undefined
        data = part10(made)
        found = scanned(data, step)
        assert found.pixels is not None
        assert [place.tag for place in found.places if place.tag >> 16 > 2] == [int(element.tag) for element in made][:-1]
        assert data[found.pixels.value :] == made.PixelData
        for place in found.places:
            assert struct.unpack_from("<HH", data, place.start) == (place.tag >> 16, place.tag & 0xFFFF)


def test_a_sequence_stored_as_unknown_is_implicit_inside() -> None:
    inside = raw.item(raw.implicit(0x00080100, b"CODE") + raw.ITEM_END, raw.UNDEFINED)
    unknown = raw.explicit(0x00091001, "UN", inside + raw.SEQUENCE_END, raw.UNDEFINED)
    data = raw.file(raw.UIDS + unknown + raw.explicit(0x7FE00010, "OW", bytes(8)))
    found = scanned(data, 5)
    assert found.pixels is not None
    assert [place.tag for place in found.places][-1] == 0x00091001


def test_icons_that_are_compressed_are_stepped_over() -> None:
    fragments = raw.item(b"") + raw.item(b"\xff\xd8\xff\xd9")
    icon = raw.item(raw.explicit(0x7FE00010, "OB", fragments + raw.SEQUENCE_END, raw.UNDEFINED) + raw.ITEM_END, raw.UNDEFINED)
    data = raw.file(
        raw.UIDS + raw.explicit(0x00880200, "SQ", icon + raw.SEQUENCE_END, raw.UNDEFINED) + raw.explicit(0x7FE00010, "OW", bytes(8))
    )
    found = scanned(data, 3)
    assert found.pixels is not None
    assert data[found.pixels.value :] == bytes(8)


def test_noise_is_malformed_or_has_no_pixel_data() -> None:
    noise = random.Random(4)
    for _ in range(2000):
        data = bytearray(
            raw.file(raw.UIDS + raw.explicit(0x00081140, "SQ", raw.SEQUENCE_END, raw.UNDEFINED) + raw.explicit(0x00280010, "US", b"\1\0"))
        )
        for _ in range(3):
            data[noise.randrange(132, len(data))] = noise.randrange(256)
        try:
            scanned(bytes(data), noise.randrange(1, 50))
        except Malformed:
            continue


def test_an_encapsulated_one_has_an_item_for_each_frame_and_an_empty_offset_table() -> None:
    data = part10(dataset(rows=4, columns=6, frames=2, BitsStored=12, HighBit=11))
    found = scanned(data)
    assert found.pixels is not None
    frames = [b"\xff\xd8\xff\xd9", b"\xff\xd8\0\xff\xd9"]
    made = joined(data, recoded.before(found.places, found.pixels, GRAY, GRAY, JPEG_LS_LOSSLESS, lossy=False))
    made += b"".join(recoded.item(frame) + recoded.padded(frame) for frame in frames) + recoded.SEQUENCE_END
    again = read(made)
    assert again["PixelData"].VR == "OB"
    assert list(pydicom.encaps.generate_frames(again.PixelData, number_of_frames=2)) == [frames[0], frames[1] + b"\0"]
    assert str(again.file_meta.TransferSyntaxUID) == str(JPEG_LS_LOSSLESS)
