"""What OHIF asks when a reader opens a study, request by request, and what it reads from each answer.

Headers are sent exactly as the viewer sends them. Its loaders take bytes apart by hand: that is repeated here as it does it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from tests.builders import encapsulated, instance, multipart
from tests.e2e.server import Server

LIST_FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"
JSON = {"Accept": "application/dicom+json"}
FRAMES = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
QUOTED_FRAMES = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
SLIDE = ", ".join(
    f'multipart/related; type="{kind}"; transfer-syntax={syntax}'
    for kind, syntax in [
        ("image/jls", "1.2.840.10008.1.2.4.80"), ("image/jls", "1.2.840.10008.1.2.4.81"), ("image/jp2", "1.2.840.10008.1.2.4.90"),
        ("image/jp2", "1.2.840.10008.1.2.4.91"), ("image/jpx", "1.2.840.10008.1.2.4.92"), ("image/jpx", "1.2.840.10008.1.2.4.93"),
        ("application/octet-stream", "*"), ("image/jpeg", "1.2.840.10008.1.2.4.50"),
    ]
)  # fmt: skip
S, CT, CINE, SR, PDF, SEG = "1.2.77", "1.2.77.1", "1.2.77.2", "1.2.77.3", "1.2.77.4", "1.2.77.5"
JPEG = [b"\xff\xd8\xff\xe0" + bytes([n]) * 40 + b"\xff\xd9" for n in range(3)]


def reports() -> pydicom.Dataset:
    inner = pydicom.Dataset()
    inner.RelationshipType, inner.ValueType, inner.TextValue = "CONTAINS", "TEXT", "No fracture."
    outer = pydicom.Dataset()
    outer.RelationshipType, outer.ValueType, outer.ContentSequence = "CONTAINS", "CONTAINER", [inner]
    return outer


@pytest.fixture(scope="module")
def viewer(server: Server) -> Iterator[httpx.Client]:
    """A study as a reading room has it, uploaded as the viewer's own dialog does: one file a request."""
    common: dict[str, Any] = {
        "study_uid": S,
        "PatientID": "OHIF-1",
        "patient_name": "Ohiflab^Test",
        "StudyDescription": "Thorax",
        "StudyDate": "20240102",
    }
    files = [
        instance(**common, series_uid=CT, instance_uid=f"{CT}.{n}", InstanceNumber=n, SeriesDescription="axial",
                 transfer_syntax=ImplicitVRLittleEndian if n == 2 else "1.2.840.10008.1.2.1") for n in (1, 2, 3)
    ]  # fmt: skip
    files.append(encapsulated(JPEG, JPEGBaseline8Bit, **common, series_uid=CINE, instance_uid=CINE + ".1", modality="US"))
    files.append(instance(**common, series_uid=SR, instance_uid=SR + ".1", modality="SR", rows=0, ContentSequence=[reports()]))
    document = {"EncapsulatedDocument": b"%PDF-1.4" + bytes(3000), "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    files.append(instance(**common, series_uid=PDF, instance_uid=PDF + ".1", modality="DOC", rows=0, **document))
    files.append(instance(**common, series_uid=SEG, instance_uid=SEG + ".1", modality="SEG", bits=1, rows=5, columns=5, frames=3))
    files.append(instance(PatientID="OHIF-1", StudyDate="20200101"))
    content_type = 'multipart/related; type="application/dicom"; boundary="dcmjs"'
    with httpx.Client(base_url=server.base) as client:
        for part10 in files:
            body, _ = multipart([part10], boundary="dcmjs")
            answer = client.post("/studies", content=body, headers={"Content-Type": content_type, "Accept": "*/*"})
            assert answer.status_code == 200, answer.text
            assert answer.json()["00081199"]["Value"]
        yield client


def test_the_work_list_has_every_column(viewer: httpx.Client) -> None:
    answer = viewer.get(f"/studies?limit=101&offset=0&fuzzymatching=false&{LIST_FIELDS}", headers=JSON)
    assert answer.status_code == 200
    first, second = answer.json()
    assert (first["00080020"]["Value"], second["00080020"]["Value"]) == (["20240102"], ["20200101"])
    assert first["0020000D"]["Value"] == [S]
    assert first["00100010"]["Value"] == [{"Alphabetic": "Ohiflab^Test"}]
    assert first["00100020"]["Value"] == ["OHIF-1"]
    assert first["00081030"]["Value"] == ["Thorax"]
    assert sorted(first["00080061"]["Value"]) == ["CT", "DOC", "SEG", "SR", "US"]
    assert first["00201208"]["Value"] == [7]
    assert {"00080030", "00080050", "00080090", "00201206"} <= set(first)


@pytest.mark.parametrize(
    "query",
    [
        "PatientName=*ohiflab*",
        "PatientName=ohiflab&fuzzymatching=true",
        "00100020=*OHIF-1*",
        "StudyDescription=*Thorax*",
        "ModalitiesInStudy=US",
        "StudyDate=20240101-20240131",
    ],
)
def test_filters_find_the_study(viewer: httpx.Client, query: str) -> None:
    answer = viewer.get(f"/studies?limit=101&offset=0&{LIST_FIELDS}&{query}", headers=JSON)
    assert S in [item["0020000D"]["Value"][0] for item in answer.json()]


def test_opening_a_study(viewer: httpx.Client) -> None:
    (found,) = viewer.get(f"/studies?limit=101&offset=0&fuzzymatching=false&{LIST_FIELDS}&StudyInstanceUID={S}", headers=JSON).json()
    assert found["00201206"]["Value"] == [5]
    rows = viewer.get(f"/studies/{S}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011", headers=JSON).json()
    assert {row["0020000E"]["Value"][0] for row in rows} == {CT, CINE, SR, PDF, SEG}
    axial = next(row for row in rows if row["0020000E"]["Value"] == [CT])
    assert axial["0008103E"]["Value"] == ["axial"]
    assert axial["00080060"]["Value"] == ["CT"]
    assert axial["00201209"]["Value"] == [3]
    assert "00200011" in axial
    priors = viewer.get("/studies?00100020=OHIF-1&limit=101&offset=0", headers=JSON).json()
    assert len(priors) == 2


def test_metadata_of_each_series(viewer: httpx.Client) -> None:
    for series, count in ((CT, 3), (CINE, 1), (SR, 1), (PDF, 1), (SEG, 1)):
        answer = viewer.get(f"/studies/{S}/series/{series}/metadata", headers=JSON)
        assert answer.status_code == 200
        assert len(answer.json()) == count
        assert all(item["00083002"]["Value"] for item in answer.json())
        assert all(
            "Value" not in item["7FE00010"] and "InlineBinary" not in item["7FE00010"] for item in answer.json() if "7FE00010" in item
        )
    (report,) = viewer.get(f"/studies/{S}/series/{SR}/metadata", headers=JSON).json()
    assert report["0040A730"]["Value"][0]["0040A730"]["Value"][0]["0040A160"]["Value"] == ["No fracture."]


def frame_of(answer: httpx.Response) -> tuple[bytes, str]:
    """As the viewer's loader does: the header line by exact spelling, data up to two bytes before the closing boundary."""
    assert answer.status_code in {200, 206}
    body = answer.content
    text = body[:1000].decode("latin-1")
    split = body.index(b"\r\n\r\n") + 4
    assert split < 1000
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"')
    end = body.index(b"--" + boundary.encode(), split)
    line = text.index("Content-Type:")
    content_type = text[line + 13 : text.index("\r\n", line)].strip()
    return body[split : end - 2], content_type


@pytest.mark.parametrize("headers", [FRAMES, QUOTED_FRAMES])
def test_frames_one_request_each(viewer: httpx.Client, headers: dict[str, str]) -> None:
    for number in (1, 2, 3):
        data, content_type = frame_of(viewer.get(f"/studies/{S}/series/{CT}/instances/{CT}.{number}/frames/1", headers=headers))
        assert content_type == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
        assert len(data) == 8 * 8 * 2
    for number in (1, 2, 3):
        data, content_type = frame_of(viewer.get(f"/studies/{S}/series/{CINE}/instances/{CINE}.1/frames/{number}", headers=headers))
        assert content_type == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.50"
        assert data.rstrip(b"\0") == JPEG[number - 1].rstrip(b"\0")


def test_a_slide_viewers_long_header_gets_the_stored_tiles(viewer: httpx.Client) -> None:
    data, content_type = frame_of(viewer.get(f"/studies/{S}/series/{CINE}/instances/{CINE}.1/frames/2", headers={"Accept": SLIDE}))
    assert "transfer-syntax=1.2.840.10008.1.2.4.50" in content_type
    assert data.startswith(b"\xff\xd8")


def test_a_document_is_fetched_by_the_uri_of_the_metadata(viewer: httpx.Client) -> None:
    (metadata,) = viewer.get(f"/studies/{S}/series/{PDF}/metadata", headers=JSON).json()
    uri = metadata["00420011"]["BulkDataURI"]
    single = viewer.get(uri, headers={"Accept": "*/*"})
    assert (single.status_code, single.headers["content-type"]) == (200, "application/pdf")
    assert single.content.startswith(b"%PDF")
    accept = 'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
    data, content_type = frame_of(viewer.get(uri, headers={"Accept": accept}))
    assert content_type == "application/pdf"
    assert data == single.content


def test_a_segmentation_is_loaded_whole(viewer: httpx.Client) -> None:
    accept = {"Accept": 'multipart/related; type="application/dicom"'}
    data, _ = frame_of(viewer.get(f"/studies/{S}/series/{SEG}/instances/{SEG}.1", headers=accept))
    segmentation = pydicom.dcmread(io.BytesIO(data))
    assert segmentation.NumberOfFrames == 3
    frame, _ = frame_of(viewer.get(f"/studies/{S}/series/{SEG}/instances/{SEG}.1/frames/2", headers=FRAMES))
    bits = np.unpackbits(np.frombuffer(segmentation.PixelData, np.uint8), bitorder="little")[25:50]
    np.testing.assert_array_equal(np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[:25], bits)


def test_what_is_reopened_is_not_sent_again(viewer: httpx.Client) -> None:
    for path in (f"/studies/{S}/series/{CT}/metadata", f"/studies/{S}/series/{CT}/instances/{CT}.1/frames/1"):
        tag = viewer.get(path).headers["etag"]
        assert viewer.get(path, headers={"If-None-Match": tag}).status_code == 304
