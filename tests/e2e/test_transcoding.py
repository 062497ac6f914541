"""Transcoding by a real server: memory stays flat, damage breaks the answer off, a foreign client gets what it asks for."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.builders import compressed, dataset, encapsulated, fresh_uid
from tests.e2e.server import Server, running
from tests.e2e.test_streaming import MEMORY, peak_rss

CHUNK = 1024 * 1024
FRAMES = 600
FRAME = 512 * 512 * 2


def uids() -> dict[str, Any]:
    return {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}


def path_of(names: dict[str, Any]) -> str:
    return "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**names)


def codestream(syntax: str, **keywords: Any) -> bytes:
    """One frame, encoded by pydicom."""
    made = pydicom.dcmread(io.BytesIO(compressed(syntax, **keywords)))
    return next(pydicom.encaps.generate_frames(made.PixelData, number_of_frames=1))


def store(server: Server, part10: bytes) -> None:
    headers = {"Content-Type": "application/dicom"}
    httpx.post(server.base + "/studies", content=part10, headers=headers, timeout=60).raise_for_status()


def test_a_file_of_hundreds_of_frames_is_decompressed_while_it_goes_out(tmp_path: Path) -> None:
    names = uids()
    frame = codestream(JPEGLSLossless, rows=512, columns=512)
    with running(tmp_path / "data") as server, httpx.Client(base_url=server.base, timeout=300) as client:
        store(server, encapsulated([frame] * FRAMES, JPEGLSLossless, **names, rows=512, columns=512, bits=16))
        for accept, least in (
            (f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}", FRAMES * FRAME),
            (f"application/dicom; transfer-syntax={RLELossless}", FRAMES * 1000),
            (f'multipart/related; type="application/octet-stream"; transfer-syntax={ExplicitVRLittleEndian}', 0),
        ):
            suffix = "" if least else "/frames/" + ",".join(map(str, range(1, 101)))
            with client.stream("GET", path_of(names) + suffix, headers={"Accept": accept}) as answer:
                assert answer.status_code == 200
                assert sum(len(chunk) for chunk in answer.iter_bytes(CHUNK)) > (least or 100 * FRAME)
        assert peak_rss(server) < MEMORY


def test_m9_a_frame_that_is_damaged_breaks_the_file_off_and_spares_the_others(server: Server) -> None:
    names = uids()
    frame = codestream(JPEG2000Lossless, rows=512, columns=512)
    store(server, encapsulated([frame] * 12 + [b"\xff\x4f\xff\x51" + bytes(40)], JPEG2000Lossless, **names, rows=512, columns=512, bits=16))
    accept = {"Accept": "application/dicom"}
    with httpx.stream("GET", server.base + path_of(names), headers=accept, timeout=60) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    octets = {"Accept": "application/octet-stream"}
    assert len(httpx.get(f"{server.base}{path_of(names)}/frames/12", headers=octets, timeout=60).content) == FRAME
    refused = httpx.get(f"{server.base}{path_of(names)}/frames/13", headers=octets, timeout=60)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


def test_m7_a_reader_that_goes_away_in_the_middle_leaves_the_server_well(server: Server) -> None:
    names = uids()
    frame = codestream(JPEG2000Lossless, rows=512, columns=512)
    store(server, encapsulated([frame] * 60, JPEG2000Lossless, **names, rows=512, columns=512, bits=16))
    request = f"GET /dicom-web{path_of(names)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/dicom\r\n\r\n".encode()
    handles = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(handles.iterdir()))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(request)
            assert connection.recv(100)
    whole = httpx.get(server.base + path_of(names), headers={"Accept": "application/dicom"}, timeout=120)
    assert pydicom.dcmread(io.BytesIO(whole.content)).pixel_array.shape == (60, 512, 512)
    assert len(list(handles.iterdir())) <= before + 20, "workers and their pipes, and no open files"


def test_a_foreign_client_names_the_form_it_wants(server: Server) -> None:
    client = DICOMwebClient(server.base)
    names = uids()
    study, series, instance = names.values()
    native = dataset(**names, rows=40, columns=50, frames=3)
    client.store_instances([native])
    want = native.pixel_array
    for syntax, media_type in ((JPEGLSLossless, "image/jls"), (JPEG2000Lossless, "image/jp2"), (RLELossless, "image/dicom-rle")):
        for found in (
            client.retrieve_instance(study, series, instance, media_types=(("application/dicom", syntax),)),
            client.retrieve_series(study, series, media_types=(("application/dicom", syntax),))[0],
            next(client.iter_study(study, media_types=(("application/dicom", syntax),))),
        ):
            assert found.file_meta.TransferSyntaxUID == syntax
            assert np.array_equal(found.pixel_array, want)
        frames = client.retrieve_instance_frames(study, series, instance, frame_numbers=[3, 1], media_types=((media_type, syntax),))
        kept = list(pydicom.encaps.generate_frames(found.PixelData, number_of_frames=3))
        assert [frame.rstrip(b"\0") for frame in frames] == [kept[2].rstrip(b"\0"), kept[0].rstrip(b"\0")]
    client.delete_study(study)
    client.store_instances([pydicom.dcmread(io.BytesIO(compressed(JPEG2000Lossless, **names, rows=40, columns=50, frames=3)))])
    octets = (("application/octet-stream", ExplicitVRLittleEndian),)
    frames = client.retrieve_instance_frames(study, series, instance, frame_numbers=[2], media_types=octets)
    assert np.array_equal(np.frombuffer(frames[0], "<u2").reshape(40, 50), want[1])
    assert (
        client.retrieve_instance(study, series, instance, media_types=("application/dicom",)).file_meta.TransferSyntaxUID
        == ExplicitVRLittleEndian
    )


def test_r30_server_processes_share_what_they_have_made(tmp_path: Path) -> None:
    names = uids()
    with running(tmp_path / "data", workers=2) as server:
        store(server, compressed(JPEG2000Lossless, **names, frames=5))
        for _ in range(8):
            for number in range(1, 6):
                with httpx.Client() as client:  # a connection of its own, hence any of the processes
                    octets = {"Accept": "application/octet-stream"}
                    assert client.get(f"{server.base}{path_of(names)}/frames/{number}", headers=octets, timeout=60).status_code == 200
        kept = [path for path in (tmp_path / "data" / "derived").rglob("*") if path.is_file()]
        assert len(kept) == 5
        httpx.delete(f"{server.base}/studies/{names['study_uid']}", timeout=60).raise_for_status()
        assert [path for path in (tmp_path / "data" / "derived").rglob("*") if path.is_file()] == []
