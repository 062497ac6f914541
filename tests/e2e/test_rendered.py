"""Pictures from a real server: as curl, a browser and OHIF fetch them, streamed, broken off, and within bounded memory."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless

from tests.builders import encapsulated, fresh_uid, instance
from tests.e2e.server import Server
from tests.e2e.test_streaming import peak_rss
from tests.images import decoded, grey, ramp
from tests.parts import parts_of

PNG_PARTS = 'multipart/related; type="image/png"'
MOVIE = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
CHROME_DOCUMENT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
CHROME_IMAGE = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def fresh() -> tuple[dict[str, Any], str]:
    uids: dict[str, Any] = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    return uids, "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)


def curl(*arguments: str) -> bytes:
    return subprocess.run(["curl", "--silent", "--show-error", "--fail", *arguments], check=True, capture_output=True, timeout=60).stdout


def test_curl_lines_of_the_how_to(server: Server, tmp_path: Path) -> None:
    uids, place = fresh()
    server.store(grey(ramp(), 16, 16, **uids))
    address = server.base + place
    Image.open(BytesIO(curl(f"{address}/rendered"))).verify()
    png = curl("-H", "Accept: image/png", f"{address}/rendered?window=128,256,linear&viewport=32,32")
    assert decoded(png).shape == (32, 32)
    assert decoded(curl(f"{address}/thumbnail?accept=image/png")).shape == (16, 16)
    file = tmp_path / "named"
    curl("-o", str(file), f"{server.base}/wado?requestType=WADO&studyUID={uids['study_uid']}&seriesUID={uids['series_uid']}"
         f"&objectUID={uids['instance_uid']}&contentType=image/png&rows=8")  # fmt: skip
    assert decoded(file.read_bytes()).shape == (8, 8)
    head = curl("--head", f"{address}/rendered").lower()
    assert b"content-type: image/jpeg" in head
    assert b"etag:" in head


@pytest.mark.parametrize(
    ("suffix", "accept"),
    [
        ("/thumbnail?viewport=256%2C256", "image/jpeg"),
        ("/thumbnail?accept=image%2Fjpeg", "*/*"),
        ("/thumbnail?accept=image/jpeg", CHROME_IMAGE),
    ],
)
def test_the_thumbnails_that_ohif_asks_for(server: Server, suffix: str, accept: str) -> None:
    uids, place = fresh()
    server.store(grey(ramp(), 16, 16, **uids))
    for path in (place, place.rpartition("/instances")[0]):
        answer = httpx.get(server.base + path + suffix, headers={"Accept": accept}, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert Image.open(BytesIO(answer.content)).format == "JPEG"


def test_a_pdf_opens_in_a_browsers_object(server: Server) -> None:
    uids, place = fresh()
    pdf = b"%PDF-1.7\n" + bytes(3001)
    document = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    server.store(instance(**uids, rows=0, **document, EncapsulatedDocument=pdf, EncapsulatedDocumentLength=len(pdf)))
    answer = httpx.get(f"{server.base}{place}/rendered", headers={"Accept": CHROME_DOCUMENT}, timeout=30)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "application/pdf", pdf)
    assert answer.headers["content-disposition"].startswith("inline")


def test_t14_a_video_plays_from_anywhere(server: Server) -> None:
    uids, place = fresh()
    server.store(encapsulated([MOVIE], "1.2.840.10008.1.2.4.102", bot=False, fragments_per_frame=3, **uids, NumberOfFrames=25))
    address = f"{server.base}{place}/rendered"
    assert curl("-H", "Range: bytes=0-", address) == MOVIE
    assert curl("-r", "5000-5009", address) == MOVIE[5000:5010]
    assert curl("-r", "-7", address) == MOVIE[-7:]
    facts = json.loads(curl("-o", "/dev/null", "-r", "0-1", "-w", '{"status": %{http_code}, "type": "%{content_type}"}', address))
    assert facts == {"status": 206, "type": "video/mp4"}


def test_the_first_picture_of_a_long_series_is_there_before_the_last_is_drawn(server: Server) -> None:
    """1 MB a picture, 120 of them: what stands in memory at once is a few, also for a reader that is slow."""
    uids, place = fresh()
    noise = np.random.default_rng(3).integers(0, 256, 1024 * 1024 * 3, np.uint8)
    series = place.rpartition("/instances")[0]
    for number in range(120):
        uids |= {"instance_uid": fresh_uid()}
        server.store(grey(noise[number * 1000 :][: 1024 * 1024], 1024, 1024, **uids, InstanceNumber=number + 1))
    before = peak_rss(server)
    with httpx.stream("GET", f"{server.base}{series}/rendered", headers={"Accept": PNG_PARTS}, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["transfer-encoding"] == "chunked"
        began = time.monotonic()
        received = 0
        for chunk in answer.iter_bytes(1024 * 1024):
            received += len(chunk)
            if received < 3 * 1024 * 1024:
                time.sleep(0.2)
        assert time.monotonic() - began < 60
    assert received > 100 * 1024 * 1024
    assert peak_rss(server) - before < 60 * 1024 * 1024


def test_m7_a_reader_that_goes_away_leaves_the_server_well(server: Server) -> None:
    uids, place = fresh()
    server.store(grey(np.repeat(np.arange(200, dtype=np.uint8), 64 * 64), 64, 64, **uids))
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            request = f"GET /dicom-web{place}/rendered HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    answer = httpx.get(f"{server.base}{place}/frames/200/rendered", headers={"Accept": "image/png"}, timeout=30)
    assert decoded(answer.content)[0, 0] == 199


def test_m9_a_picture_that_cannot_be_drawn_breaks_the_answer_off(server: Server) -> None:
    """Whether the first ones can be drawn is known before the answer begins; then only the connection can tell."""
    uids, place = fresh()
    good = [grey(ramp(), 16, 16, **(uids | {"instance_uid": fresh_uid()}), InstanceNumber=number) for number in (1, 2)]
    broken = b"\xff\x4f\xff\x51" + bytes(200)
    server.store(*good, encapsulated([broken], JPEG2000Lossless, **uids, InstanceNumber=3))
    series = place.rpartition("/instances")[0]
    with httpx.stream("GET", f"{server.base}{series}/rendered", headers={"Accept": PNG_PARTS}, timeout=60) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert httpx.get(f"{server.base}{place}/rendered", timeout=30).status_code == 422
    assert httpx.get(f"{server.base}{place}/thumbnail", timeout=30).status_code == 422


def test_many_viewers_at_once_are_served_whole_or_told_to_come_again(server: Server) -> None:
    uids, place = fresh()
    server.store(grey(np.repeat(np.arange(8, dtype=np.uint8) * 30, 64), 8, 8, **uids))

    def view(size: int) -> tuple[int, list[int]]:
        answer = httpx.get(f"{server.base}{place}/rendered?viewport={size},{size}", headers={"Accept": PNG_PARTS}, timeout=120)
        if answer.status_code == 503:
            assert answer.headers["retry-after"]
            return 503, []
        return answer.status_code, [int(decoded(part.body)[0, 0]) for part in parts_of(answer)]

    with ThreadPoolExecutor(60) as viewers:
        answers = list(viewers.map(view, range(8, 68)))
    assert {status for status, _ in answers} <= {200, 503}
    whole = [levels for status, levels in answers if status == 200]
    assert len(whole) >= 20
    assert all(levels == [number * 30 for number in range(8)] for levels in whole)
