"""Store of metadata and bulkdata (PS3.18 10.5; S17, S18, S19): DICOM JSON and XML whose BulkDataURIs mean other parts of the request."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import pydicom
import pytest
from pydicom.encaps import generate_frames

from app.dicomweb import dicom_xml
from tests.api.conftest import Site
from tests.builders import fresh_uid, instance
from tests.parts import parts_of
from tests.unit.dicom.corpus_files import corpus_file
from tests.unit.dicom.test_image_pixel import first_frame, jpeg, jpeg_2000

JSON, XML = "application/dicom+json", "application/dicom+xml"
PART10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
Part = tuple[dict[str, str], bytes]


def multipart(parts: list[Part], essence: str) -> tuple[bytes, dict[str, str]]:
    heads = ["".join(f"{name}: {value}\r\n" for name, value in headers.items()) for headers, _ in parts]
    body = b"".join(b"--b\r\n" + head.encode() + b"\r\n" + data + b"\r\n" for head, (_, data) in zip(heads, parts, strict=True))
    return body + b"--b--\r\n", {"Content-Type": f'multipart/related; type="{essence}"; boundary=b'}


def metadata(sop_class: str = "1.2.840.10008.5.1.4.1.1.7", **attributes: Any) -> dict[str, Any]:
    """The metadata of a new instance; `attributes`: tag with an underscore before it -> attribute."""
    identity = {"00080018": fresh_uid(), "0020000D": fresh_uid(), "0020000E": fresh_uid()}
    made: dict[str, Any] = {tag: {"vr": "UI", "Value": [value]} for tag, value in identity.items()}
    made["00080016"] = {"vr": "UI", "Value": [sop_class]}
    made["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]}
    return dict(sorted((made | {tag[1:]: attribute for tag, attribute in attributes.items()}).items()))


def image(uri: str, **attributes: Any) -> dict[str, Any]:
    """The metadata of an image of 2 x 3 pixels of 8 bits, its pixels under `uri`."""
    numbers = {"_00280002": 1, "_00280010": 2, "_00280011": 3, "_00280100": 8, "_00280101": 8, "_00280102": 7, "_00280103": 0}
    described: dict[str, Any] = {tag: {"vr": "US", "Value": [number]} for tag, number in numbers.items()}
    described["_00280004"] = {"vr": "CS", "Value": ["MONOCHROME2"]}
    return metadata(**{**described, "_7FE00010": {"vr": "OB", "BulkDataURI": uri}, **attributes})


async def store(site: Site, instances: list[dict[str, Any]], *bulkdata: Part, essence: str = JSON, **headers: str) -> Any:
    """Send the instances in the form of `essence`, then the bulkdata parts."""
    if essence == JSON:
        parts: list[Part] = [({"Content-Type": JSON}, json.dumps(instances).encode())]
    else:
        parts = [({"Content-Type": XML}, dicom_xml.write(each)) for each in instances]
    body, content = multipart([*parts, *bulkdata], essence)
    return await site.http.post("/studies", content=body, headers={**content, **headers})


async def stored(site: Site, made: dict[str, Any]) -> pydicom.Dataset:
    """The instance as it comes back, read by pydicom."""
    study, series, uid = (made[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    answer = await site.get(f"/studies/{study}/series/{series}/instances/{uid}", "application/dicom; transfer-syntax=*")
    assert answer.status_code == 200, answer.text
    return pydicom.dcmread(io.BytesIO(answer.content))


def part(location: str, data: bytes, content_type: str = "application/octet-stream") -> Part:
    return {"Content-Type": content_type, "Content-Location": location}, data


@pytest.mark.parametrize("essence", [JSON, XML])
async def test_s17_s18_metadata_with_uncompressed_bulkdata_is_stored_as_a_part_10_file(site: Site, essence: str) -> None:
    made = image("bulk/1")
    answer = await store(site, [made], part("bulk/1", bytes(range(6))), essence=essence)
    assert answer.status_code == 200, answer.text
    assert "warning" not in answer.headers
    read = await stored(site, made)
    assert read.PixelData == bytes(range(6))
    assert str(read.PatientName) == "Müller^Jörg"
    assert read.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    (found,) = await site.objects("/studies")
    assert found["00100010"] == made["00100010"]


@pytest.mark.parametrize("essence", [JSON, XML])
async def test_several_instances_share_one_request_and_one_part(site: Site, essence: str) -> None:
    first, second = image("bulk/1"), image("bulk/1")
    answer = await store(site, [first, second], part("bulk/1", b"abcdef"), essence=essence)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["00081199"]["Value"]) == 2
    assert (await stored(site, second)).PixelData == b"abcdef"


@pytest.mark.parametrize(
    ("uri", "headers"),
    [
        ("http://127.0.0.1/dicom-web/bulk/1", {"Content-Location": "bulk/1"}),
        ("uuid:3d7e2b1a-0000-4000-8000-000000000001", {"Content-Location": "urn:uuid:3D7E2B1A-0000-4000-8000-000000000001"}),
        ("cid:pixels@here", {"Content-ID": "<pixels@here>"}),
    ],
)
async def test_s17_every_kind_of_reference_is_resolved(site: Site, uri: str, headers: dict[str, str]) -> None:
    made = image(uri)
    answer = await store(site, [made], ({"Content-Type": "application/octet-stream", **headers}, b"abcdef"))
    assert answer.status_code == 200, answer.text
    assert (await stored(site, made)).PixelData == b"abcdef"


async def test_bulkdata_may_come_before_its_metadata(site: Site) -> None:
    made = image("bulk/1")
    body, headers = multipart([part("bulk/1", b"abcdef"), ({"Content-Type": JSON}, json.dumps([made]).encode())], JSON)
    answer = await site.http.post("/studies", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", "image/jpeg"),
        ("JPEG-LL.dcm", "image/jpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("US1_J2KR.dcm", "image/jp2"),
        ("US1_J2KI.dcm", "image/jp2"),
    ],
)
async def test_s17_s19_a_compressed_part_is_stored_in_its_own_syntax_and_described_by_itself(
    site: Site, name: str, media_type: str
) -> None:
    path = corpus_file(name)
    original, frame = pydicom.dcmread(path), first_frame(path)
    made = metadata(_7FE00010={"vr": "OB", "BulkDataURI": "f"})
    answer = await store(site, [made], part("f", frame, media_type))
    assert answer.status_code == 200, answer.text
    read = await stored(site, made)
    assert read.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert (read.Rows, read.Columns, read.SamplesPerPixel) == (original.Rows, original.Columns, original.SamplesPerPixel)
    assert read.HighBit == read.BitsStored - 1
    assert next(generate_frames(read.PixelData, number_of_frames=1)).rstrip(b"\0") == frame.rstrip(b"\0")
    frames = await site.get(f"/studies/{made['0020000D']['Value'][0]}", PART10)
    assert frames.status_code == 200


async def test_s17_parts_of_one_location_are_frames_and_can_be_fetched_one_by_one(site: Site) -> None:
    frames = [jpeg(0xC0) + bytes([number]) * (number + 1) for number in range(3)]
    made = metadata(_7FE00010={"vr": "OB", "BulkDataURI": "f"})
    answer = await store(site, [made], *(part("f", frame, "image/jpeg") for frame in frames))
    assert answer.status_code == 200, answer.text
    assert (await stored(site, made)).NumberOfFrames == 3
    study, series, uid = (made[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    answer = await site.get(f"/studies/{study}/series/{series}/instances/{uid}/frames/3,1", 'multipart/related; type="image/jpeg"')
    assert [received.body.rstrip(b"\0") for received in parts_of(answer)] == [frames[2], frames[0].rstrip(b"\0")]


async def test_a_named_transfer_syntax_is_honoured_and_a_false_one_refused(site: Site) -> None:
    made, false = (metadata(_7FE00010={"vr": "OB", "BulkDataURI": uri}) for uri in ("true", "false"))
    right = part("true", jpeg_2000(), "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91")
    wrong = part("false", jpeg_2000(wavelet=0), "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90")
    answer = await store(site, [made, false], right, wrong)
    assert answer.status_code == 202
    assert (await stored(site, made)).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.91"
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == false["00080018"]["Value"]


async def test_s17_a_video_is_stored_as_it_is(site: Site) -> None:
    made = image("v", sop_class="1.2.840.10008.5.1.4.1.1.77.1.4.1", _00280008={"vr": "IS", "Value": ["25"]})
    answer = await store(site, [made], part("v", b"\0\0\0\x18ftypmp42" + b"x" * 50, "video/mp4"))
    assert answer.status_code == 200, answer.text
    assert (await stored(site, made)).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"


async def test_s17_a_pdf_becomes_an_encapsulated_document(site: Site) -> None:
    made = metadata("1.2.840.10008.5.1.4.1.1.104.1", _00420011={"vr": "OB", "BulkDataURI": "doc.pdf"})
    answer = await store(site, [made], part("doc.pdf", b"%PDF-1.4 odd", "application/pdf"), part("x", b"%PDF"))
    assert answer.status_code == 200, answer.text
    read = await stored(site, made)
    assert (read.EncapsulatedDocument, read.EncapsulatedDocumentLength) == (b"%PDF-1.4 odd", 12)
    assert read.MIMETypeOfEncapsulatedDocument == "application/pdf"


async def test_bulkdata_within_sequences_and_of_other_attributes_is_taken(site: Site) -> None:
    waveform = {"54001010": {"vr": "OW", "BulkDataURI": "wave"}, "003A0005": {"vr": "US", "Value": [1]}}
    made = metadata(
        "1.2.840.10008.5.1.4.1.1.9.1.1",
        _54000100={"vr": "SQ", "Value": [waveform]},
        _00281201={"vr": "OW", "InlineBinary": "AAEC Aw=="},
        _0040A160={"vr": "UT", "BulkDataURI": "text"},
    )
    answer = await store(site, [made], part("wave", bytes(2000)), part("text", "Grüße".encode()))
    assert answer.status_code == 200, answer.text
    read = await stored(site, made)
    assert read.WaveformSequence[0].WaveformData == bytes(2000)
    assert read.RedPaletteColorLookupTableData == bytes(range(4))
    assert read.TextValue == "Grüße"


@pytest.mark.parametrize("essence", [JSON, XML])
async def test_s17_s18_a_missing_part_fails_its_instance_alone_with_a_sentence(site: Site, essence: str) -> None:
    good, bad = image("here"), image("nowhere")
    answer = await store(site, [bad, good], part("here", b"abcdef"), essence=essence)
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == bad["00080018"]["Value"]
    assert failed["00081197"]["Value"] == [0xC000]
    assert "Content-Location" in failed["00000902"]["Value"][0]
    assert len(await site.objects("/instances")) == 1


async def test_an_unused_part_is_a_warning(site: Site) -> None:
    answer = await store(site, [image("a")], part("a", b"abcdef"), part("b", b"unused"))
    assert answer.status_code == 200
    assert answer.headers["warning"].startswith("299 ")
    assert answer.headers["warning"].endswith(': 1"')


async def test_j29_lenient_input_is_taken(site: Site) -> None:
    made = metadata()
    given = {tag.lower(): {"Value": attribute["Value"]} for tag, attribute in reversed(made.items())}
    given |= {"00200013": {"vr": "IS", "Value": ["7"]}, "00280010": {"Value": ["2"]}}
    answer = await site.http.post("/studies", content=json.dumps(given), headers={"Content-Type": JSON})
    assert answer.status_code == 200, answer.text
    (found,) = await site.objects("/instances")
    assert found["00200013"]["Value"] == [7]


async def test_a_single_part_of_metadata_alone_is_taken_as_json_and_xml(site: Site) -> None:
    first, second = metadata(), metadata()
    answer = await site.http.post("/studies", content=json.dumps([first]), headers={"Content-Type": JSON})
    assert answer.status_code == 200, answer.text
    answer = await site.http.post("/studies", content=dicom_xml.write(second), headers={"Content-Type": XML})
    assert answer.status_code == 200, answer.text
    assert len(await site.objects("/instances")) == 2


async def test_j28_duplicate_keys_fail_their_instance_alone(site: Site) -> None:
    good = json.dumps(metadata())
    bad = json.dumps(metadata())[:-1] + ', "00100020": {"vr":"LO","Value":["A"]}, "00100020": {"vr":"LO","Value":["B"]}}'
    answer = await site.http.post("/studies", content=f"[{bad},{good}]", headers={"Content-Type": JSON})
    assert answer.status_code == 202
    (failed,) = answer.json()["0008119A"]["Value"]
    assert "twice" in failed["00000902"]["Value"][0]


@pytest.mark.parametrize("text", [b"{", b"no json", b"\xff\xff"])
async def test_a_metadata_part_that_is_no_json_is_400(site: Site, text: bytes) -> None:
    body, headers = multipart([({"Content-Type": JSON}, text)], JSON)
    answer = await site.http.post("/studies", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_empty_array_is_400(site: Site) -> None:
    answer = await site.http.post("/studies", content=b"[]", headers={"Content-Type": JSON})
    assert answer.status_code == 400


async def test_a_bad_xml_part_never_spoils_the_others(site: Site) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><NativeDicomModel>&a;</NativeDicomModel>'
    parts = [({"Content-Type": XML}, text) for text in (bomb, dicom_xml.write(metadata()), b"<x")]
    body, headers = multipart(parts, XML)
    answer = await site.http.post("/studies", content=body, headers=headers)
    assert answer.status_code == 202
    sentences = [item["00000902"]["Value"][0] for item in answer.json()["0008119A"]["Value"]]
    assert "document type" in sentences[0]
    assert len(await site.objects("/instances")) == 1


async def test_an_instance_without_its_uids_is_refused(site: Site) -> None:
    made = metadata()
    del made["0020000E"]
    answer = await store(site, [made])
    assert answer.status_code == 409
    assert "Series Instance UID" in answer.json()["00081198"]["Value"][0]["00000902"]["Value"][0]


async def test_the_study_of_the_path_counts_for_metadata_too(site: Site) -> None:
    mine, other = metadata(), metadata()
    body, headers = multipart([({"Content-Type": JSON}, json.dumps([mine, other]).encode())], JSON)
    answer = await site.http.post(f"/studies/{mine['0020000D']['Value'][0]}", content=body, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA901]


async def test_the_same_request_again_is_success_and_one_instance(site: Site) -> None:
    made = image("a")
    for _ in range(2):
        answer = await store(site, [made], part("a", b"abcdef"))
        assert answer.status_code == 200, answer.text
    assert len(await site.objects("/instances")) == 1


@pytest.mark.parametrize("essence", [JSON, XML])
async def test_what_was_retrieved_can_be_stored_again_elsewhere(site: Site, essence: str) -> None:
    """Metadata and every bulkdata value of an instance, as this server gives them, make the same instance under new UIDs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await site.store(instance(rows=64, columns=64, InstitutionName="Krankenhaus Köln", SpecificCharacterSet="ISO_IR 100"))
    (first,) = await site.objects("/instances")
    root = first["00081190"]["Value"][0]
    (made,) = (await site.http.get(f"{root}/metadata")).json()
    uri = made["7FE00010"]["BulkDataURI"]
    pixels = (await site.http.get(uri, headers={"Accept": "application/octet-stream"})).content
    made["00080018"]["Value"] = [fresh_uid()]
    answer = await store(site, [made], part(uri, pixels), essence=essence)
    assert answer.status_code == 200, answer.text
    read = await stored(site, made)
    assert read.PixelData == pixels
    assert read.InstitutionName == "Krankenhaus Köln"
    assert read.SpecificCharacterSet == "ISO_IR 100"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "waveform_ecg.dcm", "rtplan.dcm", "reportsi.dcm", "test-SR.dcm"])
async def test_s17_what_pydicom_writes_as_json_is_stored_as_pydicom_reads_it(site: Site, name: str) -> None:
    original = pydicom.dcmread(corpus_file(name))
    bulkdata: dict[str, bytes] = {}

    def by_reference(element: pydicom.DataElement) -> str:
        bulkdata[f"bulk/{len(bulkdata)}"] = element.value
        return f"bulk/{len(bulkdata) - 1}"

    made = original.to_json_dict(bulk_data_threshold=100, bulk_data_element_handler=by_reference)
    answer = await store(site, [made], *(part(location, data) for location, data in bulkdata.items()))
    assert answer.status_code in (200, 202), answer.text
    read = await stored(site, made)
    for element in original:
        if element.tag.element and element.keyword not in ("SpecificCharacterSet", "DataSetTrailingPadding"):
            assert same(read[element.tag], element), element.keyword


def same(ours: pydicom.DataElement, theirs: pydicom.DataElement) -> bool:
    """Equal values; bytes up to their padding, and decimals as numbers."""
    if theirs.VR == "SQ":
        pairs = zip(ours.value, theirs.value, strict=True)
        return all(same(our_item[element.tag], element) for our_item, their_item in pairs for element in their_item)
    if isinstance(theirs.value, bytes):
        return bool(ours.value.rstrip(b"\0") == theirs.value.rstrip(b"\0"))
    return bool(ours.value == theirs.value)


async def test_p11_one_part_cannot_be_asked_for_so_often_that_it_fills_the_disk(site: Site) -> None:
    items = [{"00091010": {"vr": "OB", "BulkDataURI": "a"}} for _ in range(200)]
    made = metadata(_54000100={"vr": "SQ", "Value": items})
    answer = await store(site, [made], part("a", bytes(1024 * 1024)))
    assert answer.status_code == 413
    assert await site.objects("/instances") == []


async def test_a_number_that_only_looks_like_one_is_refused(site: Site) -> None:
    made = image("a", _00280010={"vr": "US", "Value": ["\u00b2"]}, _00280100={"vr": "US", "Value": [1]})
    answer = await store(site, [made], part("a", b"ab"), part("a", b"cd"))
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]


async def test_nothing_is_left_in_the_waiting_place(site: Site) -> None:
    made = image("a", _00280010={"vr": "US", "Value": [2000]}, _00280011={"vr": "US", "Value": [2000]})
    assert (await store(site, [made, image("b")], part("a", bytes(4_000_000)))).status_code == 202
    body, headers = multipart([({"Content-Type": JSON}, b"["), part("a", bytes(4_000_000))], JSON)
    assert (await site.http.post("/studies", content=body[:-20], headers=headers)).status_code == 400
    temporary = site.settings.data_dir / "blobs" / "tmp"
    assert not temporary.exists() or list(temporary.iterdir()) == []
