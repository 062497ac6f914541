"""PS3.18 10.4 and 8.6: Retrieve, one test or more for each statement R and M that no other file shows; names begin with its number."""

from __future__ import annotations

import asyncio
import io
import struct
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from tests.api.conftest import BASE, Site
from tests.builders import compressed, dataset, encapsulated, instance, study
from tests.counting import counted
from tests.parts import parts_of

PART10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
JSON = "application/dicom+json"
S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
JPEG = b"\xff\xd8\xff\xe0" + bytes(40) + b"\xff\xd9"


def known(**keywords: Any) -> bytes:
    return instance(study_uid=S, series_uid=E, instance_uid=N, **keywords)


def read(part10: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(part10))


async def frames(site: Site, numbers: str, accept: str = OCTETS) -> list[bytes]:
    return [part.body for part in parts_of(await site.get(f"{PATH}/frames/{numbers}", accept))]


@pytest.mark.parametrize("suffix", ["", "/metadata", "/frames/1", "/frames/2,1", "/bulkdata/7FE00010", "/bulkdata"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_m10_head_promises_nothing_that_get_does_not_keep(site: Site, suffix: str, coding: str) -> None:
    await site.store(known(frames=2))
    got = await site.http.get(PATH + suffix, headers={"Accept-Encoding": coding})
    head = await site.http.head(PATH + suffix, headers={"Accept-Encoding": coding})
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert {"etag", "content-type", "vary", "cache-control"} <= set(head.headers)
    varying = {"x-request-id", "date", "last-modified"}  # a change tells its date only once its second is over
    for name, value in head.headers.items():
        assert name in varying or got.headers[name] == value, name


async def test_m10_a_length_that_only_reading_can_tell_is_left_out_of_head(site: Site) -> None:
    await site.store(encapsulated([JPEG], JPEGBaseline8Bit, fragments_per_frame=3, study_uid=S, series_uid=E, instance_uid=N))
    head = await site.http.head(PATH + "/frames/1", headers={"Accept": OCTETS})
    assert head.headers.get("content-length") != "0"


async def test_equal_tags_mean_equal_bytes(site: Site) -> None:
    await site.store(known(frames=2))
    for suffix, accept in (("", PART10), ("/frames/1,2", OCTETS), ("/bulkdata", OCTETS)):
        first, second = await site.get(PATH + suffix, accept), await site.get(PATH + suffix, accept)
        assert first.headers["etag"] == second.headers["etag"]
        assert not first.headers["etag"].startswith("W/")
        assert first.content == second.content
    compressed = await site.get(PATH + "/metadata", JSON, **{"Accept-Encoding": "gzip"})
    plain = await site.get(PATH + "/metadata", JSON, **{"Accept-Encoding": "identity"})
    assert compressed.headers["etag"] != plain.headers["etag"]


async def test_r3_a_deleted_study_is_404_like_one_that_never_was(site: Site) -> None:
    await site.store(known())
    assert (await site.http.delete(f"/studies/{S}")).status_code == 204
    for suffix in (f"/studies/{S}", f"/studies/{S}/metadata", PATH, PATH + "/frames/1", PATH + "/bulkdata/7FE00010"):
        assert (await site.get(suffix)).status_code == 404, suffix


@pytest.mark.parametrize("uid", ["abc", "1.2.", ".1", "1..2", "1" * 65, "1.2%203", "..", "%2e%2e", "1.2%2F..", "1.2%00", "１.２"])
@pytest.mark.parametrize("place", ["/studies/{}/metadata", "/studies/1.2/series/{}", "/studies/1.2/series/1.3/instances/{}/frames/1"])
async def test_r4_what_is_no_uid_is_refused_before_anything_is_looked_up(site: Site, uid: str, place: str) -> None:
    answer = await site.get(place.format(uid))
    assert answer.status_code in ({400, 404} if "." in uid.replace("%2e", ".") and ("%2F" in uid or set(uid) <= set(".%2e")) else {400})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_r5_metadata_holds_no_file_meta_information_and_no_group_length(site: Site) -> None:
    made = read(known())
    made.add_new(0x00080000, "UL", 100)
    buffer = io.BytesIO()
    made.save_as(buffer)
    lengths = struct.pack("<HH2sHL", 0x0010, 0, b"UL", 4, 1)
    name = struct.pack("<HH2s", 0x0010, 0x0010, b"PN")
    assert (await site.store(buffer.getvalue().replace(name, lengths + name, 1))).status_code in {200, 202}
    (found,) = await site.objects(PATH + "/metadata")
    assert not any(tag.startswith("0002") or tag.endswith("0000") for tag in found)


@pytest.mark.parametrize(("text", "status"), [("1", 200), ("1,3,2", 200), ("1%2C2", 200), ("1,1", 400), ("1.5", 400), ("%2B1", 400),
                                              ("٣", 400), ("3,4", 404)])  # fmt: skip
async def test_r12_frame_lists(site: Site, text: str, status: int) -> None:
    await site.store(known(frames=3))
    assert (await site.get(f"{PATH}/frames/{text}", OCTETS)).status_code == status


@pytest.mark.parametrize("modality", ["SR", "OT"])
async def test_r13_an_object_without_pixels_has_no_frames_and_no_pixel_bulkdata(site: Site, modality: str) -> None:
    await site.store(known(modality=modality, rows=0))
    for suffix in ("/frames/1", "/bulkdata/7FE00010"):
        answer = await site.get(PATH + suffix, OCTETS)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await site.get(PATH + "/metadata")).status_code == 200


async def test_r14_eight_bit_frames_of_odd_length_follow_one_another_without_padding(site: Site) -> None:
    pixels = bytes(range(45)) + b"\0"
    await site.store(known(rows=3, columns=5, frames=3, bits=8, pixels=pixels))
    assert await frames(site, "1,2,3") == [pixels[0:15], pixels[15:30], pixels[30:45]]


async def test_r15_one_bit_frames_begin_at_a_byte_each(site: Site) -> None:
    bits = np.random.default_rng(7).integers(0, 2, (3, 5, 3), dtype=np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    await site.store(known(modality="OT", rows=5, columns=3, frames=3, bits=1, pixels=packed + bytes(len(packed) % 2)))
    received = await frames(site, "1,2,3")
    for number, frame in enumerate(received):
        assert len(frame) == 2
        unpacked = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[:15]
        np.testing.assert_array_equal(unpacked, bits[number].ravel())


@pytest.mark.parametrize(("keyword", "width"), [("FloatPixelData", 4), ("DoubleFloatPixelData", 8)])
async def test_r16_float_pixels_have_frames_and_bulkdata(site: Site, keyword: str, width: int) -> None:
    value = np.arange(2 * 6, dtype=f"<f{width}").tobytes()
    made = read(known(rows=2, columns=3, frames=2, bits=8))
    del made.PixelData
    made.BitsAllocated = width * 8
    del made.BitsStored, made.HighBit, made.PixelRepresentation
    setattr(made, keyword, value)
    buffer = io.BytesIO()
    made.save_as(buffer)
    assert (await site.store(buffer.getvalue())).status_code == 200
    half = len(value) // 2
    assert await frames(site, "2,1") == [value[half:], value[:half]]
    (found,) = await site.objects(PATH + "/metadata")
    tag = {"FloatPixelData": "7FE00008", "DoubleFloatPixelData": "7FE00009"}[keyword]
    assert (await site.get(found[tag]["BulkDataURI"], "*/*")).content == value


@pytest.mark.parametrize("shape", [{}, {"bot": False}, {"eot": True}, {"fragments_per_frame": 3}, {"bot": False, "delimiter": False}])
async def test_r17_frames_of_every_encapsulation(site: Site, shape: dict[str, Any]) -> None:
    sent = [JPEG[:4] + bytes([number]) * (30 + 2 * number) + JPEG[-2:] for number in range(4)]
    keywords: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N} | shape
    await site.store(encapsulated(sent, JPEGBaseline8Bit, **keywords))
    assert await frames(site, "4,1,3,2") == [sent[3], sent[0], sent[2], sent[1]]


async def test_r17_several_fragments_of_a_single_frame(site: Site) -> None:
    codestream = b"\xff\x4f\xff\x51" + bytes(range(100)) + b"\xff\xd9"
    keywords: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N, "fragments_per_frame": 5, "bot": False}
    await site.store(encapsulated([codestream], JPEG2000Lossless, **keywords))
    assert await frames(site, "1") == [codestream]


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("planar", [0, 1])
async def test_r18_colour_and_its_arrangement_stay_as_stored_and_are_stated(site: Site, photometric: str, planar: int) -> None:
    pixels = bytes(range(2 * 3 * 3))
    await site.store(known(modality="OT", rows=2, columns=3, bits=8, pixels=pixels, SamplesPerPixel=3, PlanarConfiguration=planar,
                           PhotometricInterpretation=photometric))  # fmt: skip
    assert await frames(site, "1") == [pixels]
    (found,) = await site.objects(PATH + "/metadata")
    assert found["00280004"]["Value"] == [photometric]
    assert found["00280006"]["Value"] == [planar]


async def test_r20_the_pixels_of_an_icon_are_no_frames_but_bulkdata_of_their_own(site: Site) -> None:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated = 64, 64, 8
    icon.add_new(0x7FE00010, "OB", b"\x55" * 4096)
    await site.store(known(modality="SR", rows=0, IconImageSequence=[icon]))
    assert (await site.get(PATH + "/frames/1", OCTETS)).status_code == 404
    (found,) = await site.objects(PATH + "/metadata")
    uri = found["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]
    assert uri == f"{BASE}{PATH}/bulkdata/00880200/1/7FE00010"
    assert (await site.get(uri, "*/*")).content == b"\x55" * 4096


async def test_r20_beside_an_icon_the_frames_are_those_of_the_image(site: Site) -> None:
    icon = Dataset()
    icon.add_new(0x7FE00010, "OW", b"\x55" * 4096)
    sent = known(IconImageSequence=[icon])
    await site.store(sent)
    assert await frames(site, "1") == [read(sent).PixelData]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
async def test_r27_what_was_retrieved_stores_again_and_comes_back_unchanged(site: Site, syntax: str) -> None:
    await site.store(known(transfer_syntax=syntax))
    (first,) = parts_of(await site.get(PATH, PART10))
    assert (await site.http.delete(f"/studies/{S}")).status_code == 204
    answer = await site.store(first.body)
    assert answer.status_code == 200, answer.text
    (second,) = parts_of(await site.get(PATH, PART10))
    assert second.body == first.body


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 192", "Buc^Jérôme=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["ISO_IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO_IR 100", "Müller^José"),
        ("ISO_IR 144", "Люкceмбypг"),
    ],
)
async def test_r28_every_character_set_becomes_utf_8_and_is_found_by_its_name(site: Site, charset: str | list[str], name: str) -> None:
    await site.store(known(SpecificCharacterSet=charset, patient_name=name))
    (found,) = await site.objects(PATH + "/metadata")
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False))
    assert found["00100010"]["Value"] == [groups]
    declared = [charset] if isinstance(charset, str) else charset
    assert [term or "" for term in found["00080005"]["Value"]] == declared, "the data set's own value stays (PS3.18 F.2.2 note 3)"
    for group in groups.values():
        matches = (await site.http.get("/studies", params={"PatientName": group})).json()
        assert len(matches) == 1, group


async def test_r28_a_wrong_character_set_still_gives_valid_utf_8(site: Site) -> None:
    sent = known(SpecificCharacterSet="ISO_IR 192", patient_name="Muxller^Jose").replace(b"Muxller", b"M\xfc\xffller")
    assert (await site.store(sent)).status_code in {200, 202}
    (found,) = await site.objects(PATH + "/metadata")
    assert found["00100010"]["Value"][0]["Alphabetic"].endswith("ller^Jose")


async def test_r29_a_retrieve_that_meets_a_delete_is_whole_or_404(site: Site) -> None:
    for _ in range(15):
        parts = study(series=1, instances=6, rows=200, columns=200)
        await site.store(*parts)
        uid = pydicom.dcmread(io.BytesIO(parts[0])).StudyInstanceUID
        retrieved, _ = await asyncio.gather(
            site.get(f"/studies/{uid}", "multipart/related"), site.http.delete(f"/studies/{uid}"), return_exceptions=True
        )
        if isinstance(retrieved, BaseException):
            continue  # broken off: the user agent knows that it has not got all
        assert retrieved.status_code in {200, 404}
        if retrieved.status_code == 200:
            assert {part.body for part in parts_of(retrieved)} == set(parts)


async def test_r30_sixty_four_requests_at_once_decode_each_frame_once(site: Site) -> None:
    jobs = counted(site)
    uids = {"study_uid": "1.2.30", "series_uid": "1.2.30.1", "instance_uid": "1.2.30.1.1"}
    await site.store(compressed(JPEG2000Lossless, **uids, frames=8))
    native = dataset(rows=32, columns=32, frames=8).PixelData
    place = "/studies/1.2.30/series/1.2.30.1/instances/1.2.30.1.1/frames/"
    numbers = [number for _ in range(8) for number in range(1, 9)]
    answers = await asyncio.gather(*(site.get(f"{place}{number}", "application/octet-stream") for number in numbers))
    assert [answer.content for answer in answers] == [native[(number - 1) * 2048 :][:2048] for number in numbers]
    assert sorted(jobs.jobs.values()) == [1] * 8
    assert (await site.get(place + "1,2,3,4,5,6,7,8", 'multipart/related; type="application/octet-stream"')).status_code == 200
    assert sum(jobs.jobs.values()) == 8, "and are kept"
