"""A foreign client, `dicomweb-client`, drives a real server with every method it has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit
from requests import HTTPError

from tests.builders import dataset, encapsulated, fresh_uid, study
from tests.e2e.server import Server


@pytest.fixture
def client(server: Server) -> DICOMwebClient:
    return DICOMwebClient(server.base)


@pytest.fixture
def stored(client: DICOMwebClient) -> Iterator[list[pydicom.Dataset]]:
    sets: list[pydicom.Dataset] = [pydicom.dcmread(io.BytesIO(part)) for part in study(series=2, instances=3, frames=2, PatientID="CLIENT")]
    report = client.store_instances(sets)
    assert len(report.ReferencedSOPSequence) == 6
    assert "FailedSOPSequence" not in report
    yield sets
    client.delete_study(sets[0].StudyInstanceUID)


def test_search(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first = stored[0]
    (found,) = client.search_for_studies(search_filters={"PatientID": "CLIENT"}, fields=["StudyDescription"])
    assert found["0020000D"]["Value"] == [first.StudyInstanceUID]
    assert len(client.search_for_series(first.StudyInstanceUID)) == 2
    assert len(client.search_for_series(search_filters={"PatientID": "CLIENT"})) == 2
    assert len(client.search_for_instances(first.StudyInstanceUID, first.SeriesInstanceUID)) == 3
    assert len(client.search_for_instances(first.StudyInstanceUID)) == 6
    assert len(client.search_for_instances(search_filters={"PatientID": "CLIENT"}, limit=4, offset=1)) == 4
    assert len(client.search_for_instances(search_filters={"PatientID": "CLIENT"}, limit=4, get_remaining=True)) == 6


def test_retrieve_of_study_series_and_instance(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first = stored[0]
    place = (first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)
    assert {item.SOPInstanceUID for item in client.retrieve_study(place[0])} == {item.SOPInstanceUID for item in stored}
    assert len(list(client.iter_study(place[0]))) == 6
    assert len(client.retrieve_series(*place[:2])) == 3
    assert len(list(client.iter_series(*place[:2]))) == 3
    assert client.retrieve_instance(*place) == first
    wanted = ((("application/dicom", "*"),),)
    assert client.retrieve_instance(*place, media_types=wanted[0]) == first


def test_metadata(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first = stored[0]
    place = (first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)
    assert len(client.retrieve_study_metadata(place[0])) == 6
    assert len(client.retrieve_series_metadata(*place[:2])) == 3
    metadata = client.retrieve_instance_metadata(*place)
    read = pydicom.Dataset.from_json(metadata, bulk_data_uri_handler=lambda _: None)
    assert read.PatientName == first.PatientName
    assert read.Rows == first.Rows


def test_bulkdata_and_frames(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first = stored[0]
    place = (first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)
    uri = client.retrieve_instance_metadata(*place)["7FE00010"]["BulkDataURI"]
    assert client.retrieve_bulkdata(uri) == [first.PixelData]
    assert client.retrieve_bulkdata(uri, media_types=("application/octet-stream",)) == [first.PixelData]
    assert list(client.iter_bulkdata(uri)) == [first.PixelData]
    frames = client.retrieve_instance_frames(*place, frame_numbers=[2, 1])
    whole = first.pixel_array
    for number, frame in zip((2, 1), frames, strict=True):
        pixels = np.frombuffer(frame, "<u2").reshape(first.Rows, first.Columns)
        np.testing.assert_array_equal(pixels, whole[number - 1])
    assert list(client.iter_instance_frames(*place, frame_numbers=[1])) == frames[1:]


def test_compressed_frames(client: DICOMwebClient) -> None:
    study_uid, series_uid, instance_uid = fresh_uid(), fresh_uid(), fresh_uid()
    uids: dict[str, Any] = {"study_uid": study_uid, "series_uid": series_uid, "instance_uid": instance_uid}
    frame = b"\xff\xd8\xff" + bytes(30) + b"\xff\xd9"
    client.store_instances([pydicom.dcmread(io.BytesIO(encapsulated([frame], JPEGBaseline8Bit, **uids)))])
    for media_types in (None, (("image/jpeg", JPEGBaseline8Bit),), ("image/jpeg",), (("*/*", "*"),)):
        (received,) = client.retrieve_instance_frames(study_uid, series_uid, instance_uid, [1], media_types=media_types)
        assert received[: len(frame)] == frame


def test_an_implicit_object_comes_back_with_the_same_data_set(client: DICOMwebClient) -> None:
    sent = dataset(transfer_syntax=ImplicitVRLittleEndian)
    client.store_instances([sent])
    received = client.retrieve_instance(sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
    assert received.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert received == sent


def test_delete_of_instance_and_series(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first, last = stored[0], stored[-1]
    client.delete_instance(first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)
    client.delete_series(last.StudyInstanceUID, last.SeriesInstanceUID)
    assert len(client.search_for_instances(first.StudyInstanceUID)) == 2
    with pytest.raises(HTTPError, match="404"):
        client.retrieve_instance_metadata(first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)


def test_rendered(client: DICOMwebClient, stored: list[pydicom.Dataset]) -> None:
    first = stored[0]
    place = (first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID)
    frame = client.retrieve_instance_frames_rendered(*place, frame_numbers=[2], media_types=("image/png",))
    assert Image.open(io.BytesIO(frame)).size == (first.Columns, first.Rows)
    animation = client.retrieve_instance_rendered(*place, media_types=("image/gif",), params={"viewport": "32,32"})
    assert animation.startswith(b"GIF89a\x20\0\x20\0")
    assert client.retrieve_series_rendered(*place[:2]).count(b"Content-Type: image/jpeg") == 6
    with pytest.raises(HTTPError, match="406"):
        client.retrieve_series_rendered(*place[:2], media_types=("image/png",))
