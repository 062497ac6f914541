"""Which bulkdata part a BulkDataURI means (PS3.18 10.5.1, RFC 2392), and what is stored of Pixel Data parts (PS3.18 10.5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from app.dicom.elements import Malformed
from app.dicom.encode import Encapsulated
from app.dicomweb.store_bulkdata import BulkdataPart, BulkdataParts
from app.dicomweb.store_pixel_data import check_inline, settle
from app.model import JsonObject, Span
from tests.builders import MemorySource
from tests.unit.dicom.test_image_pixel import jpeg, jpeg_2000

IMAGE: JsonObject = {
    tag: {"vr": vr, "Value": [value]}
    for tag, vr, value in (
        ("00280002", "US", 1),
        ("00280004", "CS", "MONOCHROME1"),
        ("00280010", "US", 4),
        ("00280011", "US", 4),
        ("00280100", "US", 8),
        ("00280101", "US", 8),
        ("00280102", "US", 7),
        ("00280103", "US", 0),
    )
}


def parts(*headers: dict[str, str]) -> BulkdataParts:
    made = BulkdataParts("http://h/dicom-web/studies")
    for number, each in enumerate(headers):
        made.add(each, Span(number, 1))
    return made


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("http://h/x/1", "http://h/x/1"),
        ("bulk/1", "bulk/1"),
        ("bulk/1", "http://h/dicom-web/bulk/1"),
        ("/dicom-web/bulk/1", "./bulk/1"),
        (" bulk/1 ", "bulk/1"),
        ("uuid:ABCD-1", "uuid:abcd-1"),
        ("urn:uuid:abcd-1", "uuid:abcd-1"),
        ("cid:a@b", "cid:a%40b"),
        ("file:/tmp/x?offset=1&length=2", "file:/tmp/x?offset=1&length=2"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_a_part_is_found_by_its_content_location(location: str, uri: str) -> None:
    assert parts({"content-location": location}).find(uri) == (BulkdataPart("application/octet-stream", None, Span(0, 1)),)


def test_a_part_is_found_by_its_content_id() -> None:
    made = parts({"content-id": "<a@b>", "content-type": "image/jpg"})
    assert made.find("cid:a@b") == (BulkdataPart("image/jpeg", None, Span(0, 1)),)
    assert made.find("a@b") == ()


def test_the_part_says_its_type_and_transfer_syntax() -> None:
    made = parts(
        {"content-location": "a", "content-type": 'Image/JLS; transfer-syntax="1.2.840.10008.1.2.4.80"'},
        {"content-location": "b", "content-type": ";"},
    )
    assert made.find("a")[0].media_type == "image/jls"
    assert made.find("a")[0].transfer_syntax == "1.2.840.10008.1.2.4.80"
    assert made.find("b")[0].media_type == "application/octet-stream"


def test_parts_of_one_name_are_frames_in_order_and_the_unused_are_counted() -> None:
    made = parts(
        {"content-location": "a"}, {"content-location": "a"}, {"content-location": "b"}, {}, {"content-location": "c", "content-id": "<d>"}
    )
    assert [part.span.offset for part in made.find("a")] == [0, 1]
    assert made.find("missing") == ()
    assert made.unused() == 3
    made.find("cid:d")
    assert made.unused() == 2


def with_pixels(dataset: JsonObject) -> JsonObject:
    return {**dataset, "7FE00010": {"vr": "OB", "BulkDataURI": "x"}}


def settled(dataset: JsonObject, media_type: str, *frames: bytes, syntax: str | None = None) -> tuple[JsonObject, Any]:
    made, at = [], 0
    for frame in frames:
        made.append(BulkdataPart(media_type, syntax, Span(at, len(frame))))
        at += len(frame)
    return settle(dataset, made, MemorySource(b"".join(frames)))


def test_what_the_codestream_says_fills_what_the_metadata_leaves_out() -> None:
    described, pixels = settled({}, "image/jpeg", jpeg(0xC0, samples=3), jpeg(0xC0, samples=3))
    assert isinstance(pixels, Encapsulated)
    assert pixels.transfer_syntax == "1.2.840.10008.1.2.4.50"
    assert {tag: attribute["Value"][0] for tag, attribute in described.items()} == {
        "00280002": 3,
        "00280004": "YBR_FULL",
        "00280006": 0,
        "00280008": 2,
        "00280010": 480,
        "00280011": 640,
        "00280100": 8,
        "00280101": 8,
        "00280102": 7,
        "00280103": 0,
        "00282110": "01",
    }


def test_what_the_metadata_says_stays() -> None:
    described, _ = settled(IMAGE, "image/jp2", jpeg_2000(samples=1))
    assert described == IMAGE


def test_uncompressed_parts_are_native_frames() -> None:
    described, pixels = settled(with_pixels(IMAGE), "application/octet-stream", bytes(16), bytes(16))
    assert list(pixels) == [Span(0, 16), Span(16, 16)]
    assert described["00280008"] == {"vr": "IS", "Value": [2]}


def test_uncompressed_pixels_of_more_than_eight_bits_are_words() -> None:
    wide = with_pixels(IMAGE | {"00280100": {"vr": "US", "Value": [16]}})
    described, _ = settled(wide, "application/octet-stream", bytes(32))
    assert described["7FE00010"]["vr"] == "OW"
    described, _ = settled(with_pixels(IMAGE), "application/octet-stream", bytes(16))
    assert described["7FE00010"]["vr"] == "OB"


def test_the_transfer_syntax_of_the_metadata_counts_for_octets_only() -> None:
    claimed = IMAGE | {"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]}}
    assert settled(claimed, "application/octet-stream", jpeg(0xC0))[1].transfer_syntax == "1.2.840.10008.1.2.4.50"
    assert settled(claimed, "image/jp2", jpeg_2000())[1].transfer_syntax == "1.2.840.10008.1.2.4.90"


def test_compressed_pixels_within_the_metadata_are_refused() -> None:
    inline: JsonObject = {"7FE00010": {"vr": "OB", "InlineBinary": "AA=="}}
    check_inline(inline)
    with pytest.raises(Malformed, match="bulkdata parts"):
        check_inline(inline | {"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]}})


def test_the_boxes_of_a_jp2_file_are_cut_off() -> None:
    stream = jpeg_2000()
    file = b"\0\0\0\x0cjP  \r\n\x87\n" + (8 + len(stream)).to_bytes(4, "big") + b"jp2c" + stream + b"\0\0\0\x08free"
    _, pixels = settled({}, "image/jp2", stream, file)
    assert pixels.frames == (Span(0, len(stream)), Span(len(stream) + 20, len(stream)))


@pytest.mark.parametrize(
    ("media_type", "syntax", "frame", "expected"),
    [
        ("image/jpeg", None, jpeg(0xC3), "1.2.840.10008.1.2.4.70"),
        ("image/jpeg", "1.2.840.10008.1.2.4.57", jpeg(0xC3), "1.2.840.10008.1.2.4.57"),
        ("image/jls", None, jpeg(0xF7, selection=0), "1.2.840.10008.1.2.4.80"),
        ("image/jp2", "1.2.840.10008.1.2.4.91", jpeg_2000(), "1.2.840.10008.1.2.4.91"),
        ("image/jpx", None, jpeg_2000(), "1.2.840.10008.1.2.4.92"),
        ("image/jphc", None, jpeg_2000(capabilities=1 << 17), "1.2.840.10008.1.2.4.201"),
        ("image/jphc", "1.2.840.10008.1.2.4.202", jpeg_2000(capabilities=1 << 17), "1.2.840.10008.1.2.4.202"),
        ("image/dicom-rle", None, bytes(64), "1.2.840.10008.1.2.5"),
        ("video/mp4", None, b"\0\0\0\x18ftypmp42", "1.2.840.10008.1.2.4.102"),
        ("video/mp4", "1.2.840.10008.1.2.4.106", b"\0\0\0\x18ftypmp42", "1.2.840.10008.1.2.4.106"),
        ("application/octet-stream", "1.2.840.10008.1.2.4.50", jpeg(0xC0), "1.2.840.10008.1.2.4.50"),
    ],
)
def test_the_transfer_syntax_is_the_named_one_or_that_of_the_codestream(
    media_type: str, syntax: str | None, frame: bytes, expected: str
) -> None:
    _, pixels = settled(IMAGE, media_type, frame, syntax=syntax)
    assert pixels.transfer_syntax == expected


@pytest.mark.parametrize(
    ("media_type", "syntax", "frames"),
    [
        ("image/jpeg", None, (b"no codestream",)),
        ("image/jpeg", None, (jpeg(0xF7),)),
        ("image/jpeg", "1.2.840.10008.1.2.4.70", (jpeg(0xC0),)),
        ("image/jpeg", "1.2.840.10008.1.2.4.80", (jpeg(0xC0),)),
        ("image/jpeg", "1.2.3", (jpeg(0xC0),)),
        ("image/jp2", "1.2.840.10008.1.2.4.90", (jpeg_2000(wavelet=0),)),
        ("image/png", None, (b"\x89PNG\r\n\x1a\n",)),
        ("video/mp4", None, (b"a", b"b")),
        ("application/octet-stream", "1.2.840.10008.1.2.2", (bytes(16),)),
        ("image/jpeg", None, (jpeg(0xC0), b"\0\0\0\x0cjP  ")),
    ],
)
def test_what_does_not_fit_together_is_refused(media_type: str, syntax: str | None, frames: tuple[bytes, ...]) -> None:
    with pytest.raises(Malformed):
        settled(IMAGE, media_type, *frames, syntax=syntax)


@pytest.mark.parametrize("media_type", ["image/png", "image/gif", "text/plain"])
def test_a_media_type_that_no_transfer_syntax_holds_is_refused_with_those_that_are_taken(media_type: str) -> None:
    with pytest.raises(Malformed, match="JPEG 2000"):
        settled(IMAGE, media_type, b"\x89PNG\r\n\x1a\n")


def test_an_image_that_nothing_describes_is_refused_by_what_is_missing() -> None:
    for media_type, frame in (
        ("application/octet-stream", bytes(16)),
        ("image/dicom-rle", bytes(64)),
        ("image/jxl", b"\xff\x0a" + bytes(32)),
    ):
        with pytest.raises(Malformed, match="Photometric Interpretation"):
            settled({}, media_type, frame)


def test_frames_of_one_bit_must_fill_whole_bytes_or_come_as_one_part() -> None:
    bits = with_pixels(IMAGE) | {"00280100": {"vr": "US", "Value": [1]}, "00280010": {"vr": "US", "Value": [3]}}
    with pytest.raises(Malformed, match="one bit"):
        settled(bits, "application/octet-stream", bytes(2), bytes(2))
    assert settled(bits, "application/octet-stream", bytes(3))[1] == [Span(0, 3)]
