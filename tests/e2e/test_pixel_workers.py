"""Workers for pixel data beside a real server: how they end, what they know, what a damaged frame and too many requests cost."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import encapsulated, instance
from tests.e2e.server import Server, running
from tests.pixels import compressed, frame_words, frames_of, image, read

SECRET = "not-for-workers"
JPEG = "1.2.840.10008.1.2.4.50"


def workers_of(server: Server) -> list[int]:
    """The processes that the server has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(process.read_text().rpartition(")")[2].split()[1]) == server.process.pid:
                found.append(int(process.parent.name))
    return found


def wait_for_worker(server: Server) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for pid in workers_of(server):
            # Until it is its own program, a new process is a copy of the server.
            with suppress(OSError):
                if b"app.pixels.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def ended(pid: int) -> bool:
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


def stored(server: Server, data: bytes) -> str:
    """The address of the instance, once it is stored."""
    answer = httpx.post(f"{server.base}/studies", content=data, headers={"Content-Type": "application/dicom"}, timeout=60)
    (item,) = answer.raise_for_status().json()["00081199"]["Value"]
    return str(item["00081190"]["Value"][0])


def jpeg_file(frame: bytes) -> bytes:
    colours: dict[str, Any] = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    return encapsulated([frame], JPEG, rows=480, columns=640, modality="US", **colours)


def jpeg_frame() -> bytes:
    (path,) = (path for path in compressed() if path.name == "color3d_jpeg_baseline.dcm")
    return next(frames_of(read(path)))


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_is_started_beforehand_knows_no_secret_and_ends_with_its_server(tmp_path: Path, way: signal.Signals) -> None:
    environment = {"RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
    with running(tmp_path / "data", environment=environment) as server:
        worker = wait_for_worker(server)
        assert SECRET not in Path(f"/proc/{worker}/environ").read_text()
        assert SECRET not in Path(f"/proc/{worker}/cmdline").read_text()
        server.process.send_signal(way)
        server.process.wait(30)
        assert ended(worker)
        log = server.log.read_text()
        assert "Traceback" not in log
        assert "Warning" not in log


def test_a_damaged_frame_costs_one_answer(tmp_path: Path) -> None:
    frame = jpeg_frame()
    with running(tmp_path / "data", environment={"RADIOLUCENT_PIXELS__WORKERS": "1"}) as server:
        good, bad = stored(server, jpeg_file(frame)), stored(server, jpeg_file(frame[:3000]))
        for _ in range(2):
            refused = httpx.get(f"{bad}/rendered", headers={"Accept": "image/png"}, timeout=60)
            assert refused.status_code == 422
            assert refused.headers["content-type"] == "application/problem+json"
            shown = httpx.get(f"{good}/rendered", headers={"Accept": "image/png"}, timeout=60)
            assert (shown.status_code, shown.content[:4]) == (200, b"\x89PNG")
        assert len(workers_of(server)) == 1


def test_too_many_at_once_are_told_to_come_again(tmp_path: Path) -> None:
    environment = {"RADIOLUCENT_PIXELS__WORKERS": "1", "RADIOLUCENT_PIXELS__WAITING": "1", "RADIOLUCENT_PIXELS__CACHE_BYTES": "0"}
    attributes = image(1500, 1500, 16, 16)
    noise = frame_words(attributes).tobytes()
    with running(tmp_path / "data", environment=environment) as server:
        address = stored(server, instance(rows=1500, columns=1500, pixels=noise))

        async def ask() -> list[httpx.Response]:
            async with httpx.AsyncClient(timeout=120) as client:
                views = [f"{address}/rendered?window={centre},400,linear" for centre in range(20)]
                return await asyncio.gather(*(client.get(view, headers={"Accept": "image/png"}) for view in views))

        answers = asyncio.run(ask())
        counted = Counter(answer.status_code for answer in answers)
        assert set(counted) == {200, 503}
        assert counted[200] >= 2
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)
        again = httpx.get(f"{address}/rendered", headers={"Accept": "image/png"}, timeout=60)
        assert again.status_code == 200
