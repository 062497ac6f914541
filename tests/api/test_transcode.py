"""Retrieve in another transfer syntax than the stored one (PS3.18 8.7.3): pydicom reads what comes, and finds the same pixels."""

from __future__ import annotations

import io
import zlib
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from app.dicom import transfer_syntax as syntaxes
from app.model import Uid
from tests import pixels
from tests.api.conftest import Site
from tests.api.test_zip import opened
from tests.builders import compressed, dataset, encapsulated, instance, part10
from tests.parts import parts_of

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}
PART10 = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
EXPLICIT, JPEG_XL = syntaxes.EXPLICIT_LE, syntaxes.JPEG_XL_LOSSLESS
LOSSLESS = {
    syntaxes.RLE_LOSSLESS: "image/dicom-rle",
    syntaxes.JPEG_LOSSLESS_SV1: "image/jpeg",
    syntaxes.JPEG_LS_LOSSLESS: "image/jls",
    syntaxes.JPEG_2000_LOSSLESS: "image/jp2",
    syntaxes.HTJ2K_LOSSLESS: "image/jphc",
    syntaxes.HTJ2K_LOSSLESS_RPCL: "image/jphc",
    JPEG_XL: "image/jxl",
}
EVERY = (EXPLICIT, *LOSSLESS)
RGB: dict[str, Any] = {"bits": 8, "SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB", "modality": "OT"}


def noise(count: int, kind: str, most: int) -> bytes:
    return np.random.default_rng(4).integers(0, most, count).astype(kind).tobytes()


ORIGINALS: dict[str, pydicom.Dataset] = {
    "12 bits": dataset(**UIDS, rows=33, columns=35, frames=3, BitsStored=12, HighBit=11, pixels=noise(33 * 35 * 3, "<u2", 4096)),
    "16 bits": dataset(**UIDS, rows=40, columns=50, pixels=noise(2000, "<u2", 65536)),
    "8 bits": dataset(**UIDS, rows=33, columns=35, frames=2, bits=8, pixels=noise(33 * 35 * 2, "u1", 256)),
    "colours": dataset(**UIDS, rows=33, columns=35, frames=2, **RGB, pixels=noise(33 * 35 * 6, "u1", 256)),
}


def read(content: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def arrays(found: pydicom.Dataset) -> list[pixels.Array]:
    """Every frame as a second decoder sees it, colours as RGB."""
    return list(pixels.second_opinion(found))


async def file(site: Site, syntax: str, path: str = PATH) -> httpx.Response:
    answer = await site.get(path, f"application/dicom; transfer-syntax={syntax}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
    return answer


def assert_nothing_else_changed(made: pydicom.Dataset, stored: pydicom.Dataset) -> None:
    """But for the pixel data, how they are encoded, and how their colours stand there now."""
    assert made.file_meta.TransferSyntaxUID != stored.file_meta.TransferSyntaxUID
    for each in (made, stored):
        del each.file_meta.TransferSyntaxUID, each.file_meta.FileMetaInformationGroupLength, each.PixelData
        if each.SamplesPerPixel == 3:
            del each.PhotometricInterpretation, each.PlanarConfiguration
    assert made.file_meta == stored.file_meta
    assert made == stored


@pytest.mark.parametrize("kind", list(ORIGINALS))
async def test_every_pair_of_syntaxes_has_the_same_pixels_and_the_same_data_set(site: Site, kind: str) -> None:
    """What was made in one syntax is stored again and asked for in each other one."""
    original = ORIGINALS[kind]
    want = arrays(original)
    forms = {EXPLICIT: part10(original)}
    await site.store(forms[EXPLICIT])
    for to in LOSSLESS:
        forms[to] = (await file(site, to)).content
    for stored, content in forms.items():
        await site.http.delete(f"/studies/{S}")
        assert (await site.store(content)).status_code == 200
        for to in EVERY:
            answer = await file(site, to)
            if to == stored:
                assert answer.content == content
                continue
            made = read(answer.content)
            assert str(made.file_meta.TransferSyntaxUID) == to
            if to != JPEG_XL:  # which pydicom does not read: the unit tests of the encoder have another reader for it
                assert all(np.array_equal(one, other) for one, other in zip(arrays(made), want, strict=True)), (stored, to)
            assert_nothing_else_changed(made, read(content))


@pytest.mark.parametrize("to", list(LOSSLESS))
async def test_frames_come_in_the_syntax_and_media_type_asked_for_one_by_one(site: Site, to: str) -> None:
    original = ORIGINALS["12 bits"]
    await site.store(part10(original))
    whole = list(pydicom.encaps.generate_frames(read((await file(site, to)).content).PixelData, number_of_frames=3))
    for media_type in (LOSSLESS[Uid(to)], "application/octet-stream"):
        answer = await site.get(PATH + "/frames/3,1", f'multipart/related; type="{media_type}"; transfer-syntax={to}')
        found = parts_of(answer)
        assert [part.content_type for part in found] == [f"{media_type}; transfer-syntax={to}"] * 2
        assert [part.location.rpartition("/")[2] for part in found] == ["3", "1"]
        assert [part.body for part in found] == [
            frame.removesuffix(b"\0") if len(part.body) % 2 else frame for part, frame in zip(found, (whole[2], whole[0]), strict=True)
        ]
        single = await site.get(PATH + "/frames/2", f"{media_type}; transfer-syntax={to}")
        assert single.headers["content-type"] == f"{media_type}; transfer-syntax={to}"
        assert int(single.headers["content-length"]) == len(single.content)
        assert single.content in (whole[1], whole[1][:-1])
        ranged = await site.get(PATH + "/frames/2", f"{media_type}; transfer-syntax={to}", Range="bytes=5-9")
        assert (ranged.status_code, ranged.content) == (206, single.content[5:10])


@pytest.mark.parametrize("accept", [OCTETS, OCTETS + "; transfer-syntax=1.2.840.10008.1.2.1", "application/octet-stream"])
async def test_compressed_frames_come_decompressed_as_octets_without_padding(site: Site, accept: str) -> None:
    await site.store(compressed(JPEGLSLossless, **UIDS, rows=33, columns=35, bits=8, frames=2))
    native = dataset(rows=33, columns=35, bits=8, frames=2).PixelData
    frame = native[33 * 35 :][: 33 * 35]
    for suffix in ("/frames/2", "/frames/1,2", "/pixeldata", "/bulkdata", "/bulkdata/7FE00010"):
        if accept.startswith("application") and suffix != "/frames/2":
            continue
        answer = await site.get(PATH + suffix, accept)
        assert answer.status_code == 200, answer.text
        assert int(answer.headers["content-length"]) == len(answer.content)
        bodies = [answer.content] if accept.startswith("application") else [part.body for part in parts_of(answer)]
        assert bodies[-1] == frame
        assert [len(body) for body in bodies] == [len(frame)] * len(bodies)


async def test_media_types_without_a_syntax_mean_the_default_one_of_their_table(site: Site) -> None:
    """PS3.18 Table 8.7.3-5."""
    await site.store(compressed(RLELossless, **UIDS))
    for media_type, syntax in (
        ("image/jpeg", "4.70"), ("image/jls", "4.80"), ("image/jp2", "4.90"), ("image/jphc", "4.201"), ("image/jxl", "4.110"),
        ("image/dicom-rle", "5"), ("application/octet-stream", "1"),
    ):  # fmt: skip
        answer = await site.get(PATH + "/frames/1", media_type)
        assert answer.headers["content-type"] == f"{media_type}; transfer-syntax=1.2.840.10008.1.2.{syntax}"
    assert (await site.get(PATH + "/frames/1", "image/*")).headers["content-type"].startswith("image/dicom-rle")


async def test_what_is_stored_goes_before_what_could_be_made(site: Site) -> None:
    await site.store(compressed(JPEGLSLossless, **UIDS))
    for accept in ("*/*", "multipart/related", OCTETS + "; transfer-syntax=*", 'multipart/related; type="image/*"'):
        (part,) = parts_of(await site.get(PATH + "/frames/1", accept))
        assert part.content_type.endswith(JPEGLSLossless), accept
    equal = f"{PART10}; transfer-syntax=1.2.840.10008.1.2.4.80;q=0.5, {PART10}; transfer-syntax=1.2.840.10008.1.2.1;q=0.5"
    (part,) = parts_of(await site.get(PATH, equal))
    assert part.content_type.endswith(JPEGLSLossless)
    better = f"{PART10}; transfer-syntax=1.2.840.10008.1.2.4.80;q=0.5, {PART10}; transfer-syntax=1.2.840.10008.1.2.1;q=0.6"
    (part,) = parts_of(await site.get(PATH, better))
    assert part.content_type.endswith(EXPLICIT)


async def test_the_colours_are_those_that_the_file_says(site: Site) -> None:
    """JPEG 2000 with its colour transform says YBR_RCT; decompressed, the samples are RGB."""
    native = ORIGINALS["colours"]
    await site.store(part10(native))
    stored = await file(site, JPEG2000Lossless)
    assert read(stored.content).PhotometricInterpretation in ("YBR_RCT", "RGB")
    transformed = compressed(JPEG2000Lossless, **UIDS, rows=33, columns=35, frames=2, **RGB, pixels=native.PixelData[: 33 * 35 * 6])
    await site.http.delete(f"/studies/{S}")
    await site.store(transformed)
    made = read((await file(site, EXPLICIT)).content)
    assert (made.PhotometricInterpretation, made.PlanarConfiguration, made.SamplesPerPixel) == ("RGB", 0, 3)
    assert made.PixelData == native.PixelData


async def test_lossy_frames_are_decompressed_where_that_is_asked_for_and_stay_marked(site: Site) -> None:
    path = next(path for path in pixels.compressed() if path.name == "SC_rgb_jpeg_lossy_gdcm.dcm")
    stored = pixels.read(path)
    await site.store(path.read_bytes())
    place = f"/studies/{stored.StudyInstanceUID}/series/{stored.SeriesInstanceUID}/instances/{stored.SOPInstanceUID}"
    (part,) = parts_of(await site.get(place, PART10))
    assert part.body == path.read_bytes(), "as stored where no syntax is named"
    made = read((await file(site, EXPLICIT, place)).content)
    assert made.LossyImageCompression == "01"
    assert made.PhotometricInterpretation == "RGB"
    (got,), (want,) = arrays(made), arrays(stored)
    assert abs(got.astype(int) - want.astype(int)).max() <= 2, "two decoders round differently"
    for to in LOSSLESS:
        refused = await site.get(place, f"{PART10}; transfer-syntax={to}")
        assert refused.status_code == 406
        assert any(EXPLICIT in offer for offer in refused.json()["offers"])


async def test_what_an_image_does_not_fit_into_is_406_with_what_is_on_offer(site: Site) -> None:
    await site.store(instance(**UIDS, rows=32, columns=32, bits=32))
    for path, kind in ((PATH, "application/dicom"), (PATH + "/frames/1", "image/jls"), (PATH + "/frames/1", "application/octet-stream")):
        refused = await site.get(path, f"{kind}; transfer-syntax={JPEGLSLossless}")
        assert refused.status_code == 406
        assert any(RLELossless in offer for offer in refused.json()["offers"])
        assert not any(JPEGLSLossless in offer for offer in refused.json()["offers"])
    assert (await site.get(PATH, f"application/dicom; transfer-syntax={RLELossless}")).status_code == 200


async def test_what_only_the_pixels_themselves_show_is_406_too(site: Site) -> None:
    """Bits beside Bits Stored have no room in a JPEG-LS codestream."""
    await site.store(instance(**UIDS, rows=32, columns=32, BitsStored=12, HighBit=11, pixels=b"\xff\xf1" * 1024))
    for path in (PATH, PATH + "/frames/1"):
        refused = await site.get(path, f"multipart/related; type=*/*; transfer-syntax={JPEGLSLossless}")
        assert refused.status_code == 406, path
        assert refused.json()["offers"]
    second_best = f"image/jls; transfer-syntax={JPEGLSLossless}, image/dicom-rle; q=0.5"
    assert (await site.get(PATH + "/frames/1", second_best)).headers["content-type"].startswith("image/dicom-rle")


async def test_r25_of_a_series_what_can_be_had_comes_with_a_warning(site: Site) -> None:
    uids: dict[str, Any] = {"study_uid": S, "series_uid": E}
    damaged = encapsulated([b"\xff\x4f\xff\x51" + bytes(20)], JPEG2000Lossless, **uids)
    report = instance(**uids, modality="SR", rows=0)
    wide = instance(**uids, rows=32, columns=32, bits=32)
    await site.store(compressed(JPEG2000Lossless, **uids), damaged, report, wide)
    for accept in (PART10 + "; transfer-syntax=", "application/zip; transfer-syntax="):
        answer = await site.get(f"/studies/{S}", accept + JPEGLSLossless)
        assert answer.status_code == 206
        assert answer.headers["warning"].startswith('299 radiolucent "3 ')
        answer = await site.get(f"/studies/{S}", accept + EXPLICIT)
        assert answer.status_code == 206
        assert answer.headers["warning"].startswith('299 radiolucent "1 ')
    assert len(parts_of(await site.get(f"/studies/{S}", PART10))) == 3


async def test_r24_a_zip_in_one_syntax_and_values_without_any_stand_side_by_side(site: Site) -> None:
    uids = {"study_uid": S, "series_uid": E}
    await site.store(
        compressed(RLELossless, **uids, ICCProfile=bytes(20_000)),
        instance(**uids, rows=32, columns=32),
    )
    files = opened(await site.get(f"/studies/{S}", f"application/zip; transfer-syntax={JPEGLSLossless}"))
    assert {str(read(content).file_meta.TransferSyntaxUID) for content in files.values()} == {JPEGLSLossless}
    values = opened(await site.get(f"/studies/{S}/bulkdata", f"application/zip; transfer-syntax={EXPLICIT}"))
    assert sorted(len(value) for value in values.values()) == [2048, 2048, 20_000]


async def test_ranges_of_a_decompressed_file_are_those_of_the_whole(site: Site) -> None:
    await site.store(compressed(JPEG2000Lossless, **UIDS, rows=33, columns=35, frames=5, bits=8, ImageComments="x" * 999))
    whole = await file(site, EXPLICIT)
    size = len(whole.content)
    assert int(whole.headers["content-length"]) == size
    assert whole.headers["accept-ranges"] == "bytes"
    accept = f"application/dicom; transfer-syntax={EXPLICIT}"
    frame = 33 * 35
    first = size - 5 * frame - 1
    for start, end in (
        (0, 0), (128, 131), (first - 5, first + 5), (first, first + frame - 1), (first + frame - 1, first + 3 * frame + 7),
        (size - 3, size - 1), (size - 1, size - 1), (0, size - 2),
    ):  # fmt: skip
        part = await site.get(PATH, accept, Range=f"bytes={start}-{end}")
        assert part.status_code == 206
        assert part.content == whole.content[start : end + 1], (start, end)


async def test_a_compressed_file_streams_without_a_length_and_its_head_says_the_same(site: Site) -> None:
    await site.store(instance(**UIDS, rows=32, columns=32, frames=3))
    accept = f"application/dicom; transfer-syntax={JPEGLSLossless}"
    answer = await site.get(PATH, accept)
    assert "content-length" not in answer.headers
    assert answer.headers["accept-ranges"] == "none"
    assert (await site.get(PATH, accept, Range="bytes=0-9")).content == answer.content
    head = await site.http.head(PATH, headers={"Accept": accept})
    # Within the second of storing there is no Last-Modified yet, after it there is.
    own = ("x-request-id", "last-modified")
    assert {name: value for name, value in head.headers.items() if name not in own} == {
        name: value for name, value in answer.headers.items() if name not in own
    }


async def test_each_form_has_a_tag_of_its_own_and_a_current_copy_is_304_without_any_work(site: Site) -> None:
    await site.store(compressed(JPEG2000Lossless, **UIDS))
    tags = set()
    for path, kind in ((PATH, "application/dicom"), (PATH + "/frames/1", "application/octet-stream")):
        for syntax in (JPEG2000Lossless, EXPLICIT, JPEGLSLossless):
            accept = f"{kind}; transfer-syntax={syntax}"
            tag = (await site.get(path, accept)).headers["etag"]
            tags.add(tag)
            assert (await site.get(path, accept, **{"If-None-Match": tag})).status_code == 304
    assert len(tags) == 6


async def test_r27_a_transcoded_file_is_stored_again_as_it_is(site: Site) -> None:
    await site.store(compressed(RLELossless, **UIDS, frames=2))
    made = (await file(site, syntaxes.HTJ2K_LOSSLESS)).content
    await site.http.delete(f"/studies/{S}")
    answer = await site.store(made)
    assert answer.status_code == 200, answer.text
    assert (await file(site, syntaxes.HTJ2K_LOSSLESS)).content == made


async def test_offset_tables_of_the_stored_form_are_not_passed_on(site: Site) -> None:
    native = dataset(rows=32, columns=32, frames=3)
    coded = pydicom.encaps.generate_frames(read(compressed(RLELossless, frames=3)).PixelData, number_of_frames=3)
    await site.store(encapsulated(list(coded), RLELossless, **UIDS, rows=32, columns=32, bits=16, eot=True))
    for to in (EXPLICIT, JPEGLSLossless):
        made = read((await file(site, to)).content)
        assert "ExtendedOffsetTable" not in made
        assert all(np.array_equal(one, other) for one, other in zip(arrays(made), arrays(native), strict=True))


async def test_frames_in_several_fragments_are_put_together_first(site: Site) -> None:
    native = dataset(rows=64, columns=64, frames=2)
    coded = pydicom.encaps.generate_frames(read(compressed(JPEG2000Lossless, rows=64, columns=64, frames=2)).PixelData, number_of_frames=2)
    await site.store(encapsulated(list(coded), JPEG2000Lossless, **UIDS, rows=64, columns=64, bits=16, fragments_per_frame=3))
    assert read((await file(site, EXPLICIT)).content).PixelData == native.PixelData


async def test_deflated_frames_of_single_bits_are_packed_as_native_ones_are(site: Site) -> None:
    """PS3.5 8.1.1: the next frame begins in the byte in which the last one ended."""
    bits = np.random.default_rng(5).integers(0, 2, (3, 5, 5)).astype("u1")
    frames = []
    for frame in bits:
        packer = zlib.compressobj(wbits=-15)
        frames.append(packer.compress(np.packbits(frame.reshape(-1), bitorder="little").tobytes()) + packer.flush())
    sent = encapsulated(frames, JPEGBaseline8Bit, **UIDS, rows=5, columns=5, bits=1, modality="SEG")
    await site.store(sent.replace(JPEGBaseline8Bit.encode(), b"1.2.840.10008.1.2.8.1\0"))  # which pydicom does not write
    made = read((await file(site, EXPLICIT)).content)
    assert np.array_equal(made.pixel_array, bits)
    (part,) = parts_of(await site.get(PATH + "/frames/2", OCTETS))
    assert part.body == np.packbits(bits[1].reshape(-1), bitorder="little").tobytes()


async def test_a_file_without_a_head_or_in_implicit_vr_is_transcoded_as_it_goes_out(site: Site) -> None:
    native = dataset(**UIDS, rows=32, columns=32, frames=2, transfer_syntax="1.2.840.10008.1.2")
    await site.store(part10(native))
    made = read((await file(site, JPEGLSLossless)).content)
    assert all(np.array_equal(one, other) for one, other in zip(arrays(made), arrays(native), strict=True))
    await site.http.delete(f"/studies/{S}")
    coded = compressed(JPEG2000Lossless, **UIDS)
    await site.store(coded[132:])  # no preamble, no DICM
    assert read((await file(site, EXPLICIT)).content).PixelData == dataset(rows=32, columns=32).PixelData


async def test_elements_behind_the_pixel_data_stay(site: Site) -> None:
    padding = b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0"
    for sent, to in ((compressed(JPEG2000Lossless, **UIDS), EXPLICIT), (instance(**UIDS, rows=32, columns=32), JPEGLSLossless)):
        await site.store(sent + padding)
        made = (await file(site, to)).content
        assert made.endswith(padding)
        assert arrays(read(made))
        await site.http.delete(f"/studies/{S}")


async def test_a_number_of_frames_that_is_not_true_lets_no_file_be_made(site: Site) -> None:
    coded = compressed(JPEG2000Lossless, **UIDS, frames=2)
    await site.store(coded.replace(b"\x28\0\x08\0IS\x02\x002 ", b"\x28\0\x08\0IS\x02\x003 "))
    assert (await site.get(PATH, f"application/dicom; transfer-syntax={EXPLICIT}")).status_code == 406
    assert (await site.get(PATH + "/frames/1", OCTETS)).status_code == 200
