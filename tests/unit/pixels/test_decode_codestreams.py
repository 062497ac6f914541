"""Codestreams that others made (DCMTK, cjxl, Pillow, pylibjpeg), decoded by us and by their decoders; what headers say of colours."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openjpeg.utils import encode_array
from PIL import Image

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes
from app.model import Uid
from app.pixels.decode import decode, words
from app.pixels.encode import encode
from app.pixels.jpeg import header
from app.pixels.syntaxes import JPEG_2000_PART_2, JPEG_2000_PART_2_LOSSLESS, JPEG_FULL_PROGRESSION
from tests.builders import corpus
from tests.pixels import Array, frame_words, frames_of, image, image_of, read, syntax_of

FILES = {path.name: path for path in corpus()}
DECODERS = {"dcmcjpeg": "dcmdjpeg", "dcmcjpls": "dcmdjpls", "dcmcrle": "dcmdrle"}

LOSSLESS = (
    [("dcmcjpeg", ["+e1"]), ("dcmcjpls", ["+el"]), ("dcmcrle", [])]
    + [("dcmcjpeg", ["+el", "+sv", str(selection)]) for selection in range(1, 8)]
    + [("dcmcjpls", ["+el", interleave]) for interleave in ("+il", "+is", "+in")]
)
LOSSY = [
    ("dcmcjpeg", ["+eb"]), ("dcmcjpeg", ["+ee"]), ("dcmcjpeg", ["+es"]), ("dcmcjpeg", ["+ep"]), ("dcmcjpeg", ["+eb", "+cr"]),
    ("dcmcjpeg", ["+eb", "+cy", "+s4"]), ("dcmcjpeg", ["+eb", "+cy", "+np", "+s2"]), ("dcmcjpeg", ["+e1", "+pt", "2"]),
    ("dcmcjpls", ["+en"]),
]  # fmt: skip
GRAY = ["CT_small.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm", "693_UNCR.dcm"]
COLOUR = ["SC_rgb.dcm", "SC_rgb_16bit.dcm", "SC_rgb_small_odd.dcm", "examples_rgb_color.dcm"]


def made(tool: str, options: list[str], source: Path, folder: Path) -> Path | None:
    """The file as the tool encodes it; None if it has no such form for it."""
    target = folder / "encoded"
    done = subprocess.run([tool, *options, source, target], check=False, capture_output=True, text=True)
    assert not done.returncode or "Unsupported" in done.stderr, done.stderr
    return None if done.returncode else target


@pytest.mark.parametrize("name", GRAY + COLOUR)
@pytest.mark.parametrize(("tool", "options"), LOSSLESS, ids=str)
def test_what_dcmtk_encodes_without_loss_is_as_it_was(tool: str, options: list[str], name: str, tmp_path: Path) -> None:
    encoded = made(tool, options, FILES[name], tmp_path)
    assert encoded is not None
    dataset = read(encoded)
    values, now = decode(next(frames_of(dataset)), image_of(dataset), syntax_of(dataset))
    np.testing.assert_array_equal(values, read(FILES[name]).pixel_array)
    assert now.photometric == read(FILES[name]).PhotometricInterpretation


@pytest.mark.parametrize("name", GRAY + COLOUR)
@pytest.mark.parametrize(("tool", "options"), LOSSY, ids=str)
def test_what_dcmtk_encodes_with_loss_is_decoded_as_by_dcmtk(tool: str, options: list[str], name: str, tmp_path: Path) -> None:
    """Bit for bit: both take the slow integer DCT, smooth subsampled colours, and turn YCbCr to RGB."""
    encoded = made(tool, options, FILES[name], tmp_path)
    if encoded is None:
        assert (tool, name) in {("dcmcjpls", "CT_small.dcm"), ("dcmcjpls", "693_UNCR.dcm")}  # it refuses signed samples
        return
    dataset = read(encoded)
    decoding = subprocess.run([DECODERS[tool], encoded, tmp_path / "decoded"], check=False, capture_output=True)
    if decoding.returncode:
        assert (tool, name) == ("dcmcjpls", "SC_rgb_small_odd.dcm")  # DCMTK 3.6.7 writes it with a marker that is none
        return
    values, now = decode(next(frames_of(dataset)), image_of(dataset), syntax_of(dataset))
    theirs = read(tmp_path / "decoded")
    np.testing.assert_array_equal(values, theirs.pixel_array)
    assert now.photometric == theirs.PhotometricInterpretation


def smooth(rows: int, columns: int, samples: int, bits: int) -> Array:
    """Something like a picture: what lossy codecs are made for."""
    y, x = np.mgrid[:rows, :columns]
    planes = [np.sin(x / (7 + 3 * plane)) * np.cos(y / (9 + plane)) for plane in range(samples)]
    values = ((np.stack(planes, -1) + 1) / 2 * ((1 << bits) - 1)).astype("u1" if bits <= 8 else "u2")
    return values[..., 0] if samples == 1 else values


@pytest.mark.parametrize("mode", [["-d", "0"], ["-d", "1.0"], ["-d", "0", "-e", "9"], ["-d", "2", "--container=1"]], ids=str)
@pytest.mark.parametrize(("samples", "bits"), [(1, 8), (3, 8), (1, 16), (3, 16)])
def test_jpeg_xl_of_cjxl_is_decoded_as_by_djxl(mode: list[str], samples: int, bits: int, tmp_path: Path) -> None:
    original = smooth(61, 83, samples, bits)
    kind = "P6" if samples == 3 else "P5"
    pixels = original.astype(">u2" if bits > 8 else "u1").tobytes()
    (tmp_path / "in.ppm").write_bytes(f"{kind}\n83 61\n{(1 << bits) - 1}\n".encode() + pixels)
    subprocess.run(["cjxl", *mode, "in.ppm", "out.jxl"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(["djxl", "out.jxl", "back.ppm"], cwd=tmp_path, check=True, capture_output=True)
    theirs = np.frombuffer((tmp_path / "back.ppm").read_bytes().split(b"\n", 3)[3], ">u2" if bits > 8 else "u1").reshape(original.shape)
    lossless = mode[1] == "0"
    attributes = image(61, 83, 16 if bits > 8 else 8, bits, samples=samples)
    values, now = decode((tmp_path / "out.jxl").read_bytes(), attributes, syntaxes.JPEG_XL_LOSSLESS if lossless else syntaxes.JPEG_XL)
    assert now.photometric == ("RGB" if samples == 3 else "MONOCHROME2")
    if lossless:
        np.testing.assert_array_equal(values, original)
    else:
        # libjxl calculates in 32-bit floats, in other orders on other processors: a rounding apart.
        assert np.abs(values.astype(int) - theirs.astype(int)).max() <= (1 if bits == 8 else 64)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_recompressed_as_jpeg_xl_is_the_same_picture(mode: str, tmp_path: Path) -> None:
    original = smooth(61, 83, 3 if mode == "RGB" else 1, 8)
    Image.fromarray(original).save(tmp_path / "in.jpg", quality=90, subsampling=0)
    subprocess.run(["cjxl", "--lossless_jpeg=1", "in.jpg", "out.jxl"], cwd=tmp_path, check=True, capture_output=True)
    attributes = image(61, 83, 8, 8, samples=len(mode), photometric="YBR_FULL" if mode == "RGB" else "MONOCHROME2")
    values, now = decode((tmp_path / "out.jxl").read_bytes(), attributes, syntaxes.JPEG_XL_JPEG_RECOMPRESSION)
    assert now.photometric == ("RGB" if mode == "RGB" else "MONOCHROME2")
    np.testing.assert_array_equal(values, np.asarray(Image.open(tmp_path / "in.jpg")))


@pytest.mark.parametrize("syntax", [syntaxes.JPEG_2000, syntaxes.JPEG_2000_LOSSLESS, JPEG_2000_PART_2, JPEG_2000_PART_2_LOSSLESS])
@pytest.mark.parametrize(("samples", "bits", "signed"), [(1, 8, False), (1, 12, True), (1, 16, False), (3, 8, False), (3, 16, False)])
def test_jpeg_2000_of_openjpeg_is_as_it_was(syntax: Uid, samples: int, bits: int, signed: bool) -> None:
    attributes = image(61, 83, 8 if bits == 8 else 16, bits, samples=samples, signed=signed)
    original = frame_words(attributes, "ramp").view("i2" if signed else f"u{attributes.allocated // 8}")
    for mixed in [False, True][:samples]:
        frame = encode_array(original, bits_stored=bits, use_mct=mixed, photometric_interpretation=1 if samples == 3 else 2)
        values, now = decode(frame, replace(attributes, photometric="YBR_RCT") if mixed else attributes, syntax)
        np.testing.assert_array_equal(values, original)
        assert now.photometric == attributes.photometric


def test_the_boxes_of_a_jp2_file_are_left_out() -> None:
    original = frame_words(image(10, 12, 8, 8, samples=3))
    stream = io.BytesIO()
    Image.fromarray(original).save(stream, "JPEG2000", irreversible=False)
    assert stream.getvalue().startswith(b"\0\0\0\x0cjP  ")
    values, now = decode(stream.getvalue(), image(10, 12, 8, 8, samples=3, photometric="YBR_RCT"), syntaxes.JPEG_2000_LOSSLESS)
    np.testing.assert_array_equal(values, original)
    assert now.photometric == "RGB"


def jpeg(*, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    picture = smooth(24, 32, 3, 8)
    Image.fromarray(picture if mode == "RGB" else picture[..., 0]).save(stream, "JPEG", **({"quality": 95} | options))
    return stream.getvalue()


def without_jfif(frame: bytes) -> bytes:
    assert frame[2:4] == b"\xff\xe0"
    return frame[:2] + frame[4 + int.from_bytes(frame[4:6], "big") :]


def adobe(frame: bytes, transform: bytes) -> bytes:
    """With an Adobe marker, or one that is cut short before its transform."""
    content = b"Adobe\0\x64\0\0\0\0" + transform
    return frame[:2] + b"\xff\xee" + (2 + len(content)).to_bytes(2, "big") + content + frame[2:]


def with_ids(frame: bytes, ids: bytes) -> bytes:
    made = bytearray(frame)
    at = frame.index(b"\xff\xc0")
    scan = frame.index(b"\xff\xda")
    for component in range(3):
        made[at + 10 + 3 * component] = ids[component]
        made[scan + 5 + 2 * component] = ids[component]
    return bytes(made)


BARE = without_jfif(jpeg(subsampling=0))
COLOURS: list[tuple[str, bytes, str, bool]] = [
    ("JFIF, as it should be", jpeg(subsampling=0), "YBR_FULL", True),
    ("JFIF beside RGB", jpeg(subsampling=0), "RGB", True),
    ("subsampled beside RGB", without_jfif(jpeg(subsampling=2)), "RGB", True),
    ("nothing said, YBR_FULL_422", BARE, "YBR_FULL_422", True),
    ("nothing said, RGB", BARE, "RGB", False),
    ("Adobe's YCbCr beside RGB", adobe(BARE, b"\1"), "RGB", True),
    ("Adobe's RGB beside YBR_FULL", adobe(BARE, b"\0"), "YBR_FULL", False),
    ("Adobe, cut short", adobe(BARE, b""), "RGB", False),
    ("components named R, G, B", with_ids(BARE, b"RGB"), "YBR_FULL", False),
    ("components named 0, 1, 2", with_ids(BARE, b"\0\1\2"), "RGB", False),
]


@pytest.mark.parametrize(("frame", "photometric", "ycc"), [case[1:] for case in COLOURS], ids=[case[0] for case in COLOURS])
def test_the_codestream_says_which_colours_it_has(frame: bytes, photometric: str, ycc: bool) -> None:
    """As Pillow decodes it, which is told what the components are by the JPEG's own marks."""
    values, now = decode(frame, image(24, 32, 8, 8, samples=3, photometric=photometric), syntaxes.JPEG_BASELINE)
    assert now.photometric == "RGB"
    plain = BARE if header(frame).factors[0] == 0x11 else without_jfif(jpeg(subsampling=2))
    theirs = np.asarray(Image.open(io.BytesIO(adobe(plain, b"\1" if ycc else b"\0"))))
    np.testing.assert_array_equal(values, theirs)


def test_a_progressive_frame() -> None:
    frame = jpeg(progressive=True)
    values, _ = decode(frame, image(24, 32, 8, 8, samples=3, photometric="YBR_FULL_422"), JPEG_FULL_PROGRESSION)
    np.testing.assert_array_equal(values, np.asarray(Image.open(io.BytesIO(frame))))


@pytest.mark.parametrize(
    ("frame", "attributes", "sentence"),
    [
        (jpeg(mode="L"), image(24, 32, 8, 8, samples=3), "another number of samples"),
        (jpeg(), image(24, 32, 8, 8), "another number of samples"),
        (jpeg(), image(32, 24, 8, 8, samples=3), "another size"),
        (b"\xff\xd8\xff\xc9\0\x0b\x08\0\x08\0\x08\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0", image(8, 8, 8, 8), "arithmetic"),
        (b"\xff\xd8\xff\xd9", image(8, 8, 8, 8), "no JPEG header|breaks off"),
        (b"GIF89a", image(8, 8, 8, 8), "does not begin like a JPEG"),
    ],
)
def test_a_jpeg_that_is_another_than_its_attributes_say_is_refused(frame: bytes, attributes: ImageAttributes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decode(frame, attributes, syntaxes.JPEG_BASELINE)


@pytest.mark.parametrize("syntax", [syntaxes.JPEG_LOSSLESS_SV1, syntaxes.JPEG_LS_LOSSLESS, syntaxes.JPEG_2000_LOSSLESS])
def test_more_bits_than_are_allocated_are_refused(syntax: Uid) -> None:
    frame, within = encode(frame_words(image(8, 8, 16, 12)), image(8, 8, 16, 12), syntax)
    with pytest.raises(ValueError, match="more bits than Bits Allocated"):
        decode(frame, replace(within, allocated=8, stored=8, high=7), syntax)


def test_a_sign_is_the_highest_bit_of_the_codestream() -> None:
    """J2K_pixelrep_mismatch.dcm is such a file: its codestream says unsigned, of fewer bits than are allocated."""
    original = np.array([[0, 1, 0x0FFF, 0x0800]], "<u2")
    frame, _ = encode(original, image(1, 4, 16, 12), syntaxes.JPEG_2000_LOSSLESS)
    for stored in (12, 16):
        values, _ = decode(frame, image(1, 4, 16, stored, signed=True), syntaxes.JPEG_2000_LOSSLESS)
        assert values.tolist() == [[0, 1, -1, -2048]]


def test_overlays_in_the_words_of_a_codestream_are_there_for_who_wants_them() -> None:
    original = np.array([[0x1001, 0x0FFF, 0x8000, 0x0800]], "<u2")
    for tool in (syntaxes.JPEG_LOSSLESS_SV1, syntaxes.JPEG_LS_LOSSLESS, syntaxes.RLE_LOSSLESS):
        frame, _ = encode(original, image(1, 4, 16, 16), tool)
        attributes = image(1, 4, 16, 12)
        np.testing.assert_array_equal(words(frame, attributes, tool)[0], original)
        assert decode(frame, attributes, tool)[0].tolist() == [[1, 0xFFF, 0, 0x800]]
