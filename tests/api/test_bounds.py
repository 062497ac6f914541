"""Each bound on a request is a setting, counts what has arrived, and answers with its status and a sentence (H2)."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.studies.examine import HEAVY
from tests.api.conftest import BASE, Site, open_site
from tests.builders import fresh_uid, instance, multipart
from tests.services.postgres import Server

DICOM = {"Content-Type": "application/dicom"}
JSON = {"Content-Type": "application/dicom+json"}


def zipped(files: list[bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(files):
            archive.writestr(f"{number}.dcm", data)
    return target.getvalue()


def nested(depth: int) -> bytes:
    """An object with a sequence so deep; lengths undefined."""
    head = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    tail = struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return instance(rows=0) + head * depth + tail * depth


def deflated(grown: int) -> bytes:
    """An object in Deflated Explicit VR Little Endian with so many zero bytes in a private element."""
    made = instance(rows=0).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99", 1)
    at = made.index(struct.pack("<HH2sH", 0x0008, 0x0016, b"UI", 26)[:6])
    made = made[:at].replace(b"UI\x14\x001.2.840.10008.1.2.1.99", b"UI\x16\x001.2.840.10008.1.2.1.99") + made[at:]
    data_set = made[at:] + struct.pack("<HH2sHL", 0x0043, 0x1001, b"OB", 0, grown) + bytes(grown)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return made[:at] + packer.compress(data_set) + packer.flush()


def metadata(**attributes: Any) -> bytes:
    uids = {tag: {"vr": "UI", "Value": [fresh_uid()]} for tag in ("00080018", "0020000D", "0020000E")}
    return json.dumps([{"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]}, **uids, **attributes}]).encode()


PARTS = multipart([instance(rows=0) for _ in range(4)])
LONG_HEAD = b"--b\r\nContent-Type: application/dicom\r\nX: " + b"y" * 5000 + b"\r\n\r\n" + instance() + b"\r\n--b--\r\n"

SENTENCE = re.compile(
    r"(more|deeper|larger|longer)[a-z ]+than|than this server takes|setting limits|the limit of this server|may have \d+ bytes"
)

BOUNDS: dict[str, tuple[dict[str, int], bytes, dict[str, str], int]] = {
    "body": ({"body_bytes": 1000}, instance(rows=50), DICOM, 413),
    "instance": ({"instance_bytes": 1000}, instance(rows=50), DICOM, 413),
    "parts": ({"parts": 3}, PARTS[0], {"Content-Type": PARTS[1]}, 413),
    "header lines of a part": (
        {"part_header_bytes": 4096}, LONG_HEAD, {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}, 400,
    ),
    "nesting": ({"nesting": 10}, nested(11), DICOM, 409),
    "elements": ({"elements": 30}, instance() + struct.pack("<HH2sH", 0x1001, 0x1001, b"LO", 0) * 30, DICOM, 409),
    "items": (
        {"elements": 200},
        instance(rows=0) + struct.pack("<HH2sHL", 0x1041, 0x1000, b"SQ", 0, 8 * 200) + struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 200,
        DICOM,
        409,
    ),
    "inflated bytes": ({"inflated_bytes": 100_000}, deflated(200_000), DICOM, 409),
    "ratio of inflating": ({"inflate_ratio": 10}, deflated(8_000_000), DICOM, 409),
    "metadata": ({"metadata_bytes": 1000}, metadata(**{"00104000": {"vr": "LT", "Value": ["x" * 1000]}}), JSON, 413),
    "nesting of metadata": (
        {"nesting": 5},
        metadata(**{"0040A730": json.loads('{"vr":"SQ","Value":[{"0040A730":' * 9 + "{}" + "}]}" * 9)}),
        JSON,
        409,
    ),
    "files of a zip archive": ({"parts": 3}, zipped([instance(rows=0) for _ in range(4)]), {"Content-Type": "application/zip"}, 413),
    "size of a zip archive": ({"instance_bytes": 5000}, zipped([bytes(100_000)]), {"Content-Type": "application/zip"}, 413),
    "ratio of a zip archive": (
        {"inflate_ratio": 10}, zipped([instance() + bytes(range(250)) * 20_000]), {"Content-Type": "application/zip"}, 413),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
async def test_a_store_beyond_a_bound_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    limits, body, headers, status = BOUNDS[name]
    async for site in open_site(tmp_path / "data", limits=limits):
        answer = await site.http.post("/studies", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert SENTENCE.search(answer.text), answer.text
        assert await site.objects("/instances") == []
    async for site in open_site(tmp_path / "other"):
        answer = await site.http.post("/studies", content=body, headers=headers)
        assert not SENTENCE.search(answer.text), "the bound alone refuses it"


async def test_a_body_is_counted_as_it_arrives(tmp_path: Path) -> None:
    """Neither a missing nor a false Content-Length matters: the ASGI server may have passed on anything."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    async for site in open_site(tmp_path / "data", limits={"body_bytes": 50_000}):
        for headers in (DICOM, {**DICOM, "Content-Length": "10"}):
            answer = await site.http.post("/studies", content=chunks(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
            assert "limits.body_bytes" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("limits", "query", "status"),
    [
        ({"query_bytes": 100}, "PatientID=" + "x" * 100, 413),
        ({"query_keys": 2}, "PatientID=1&StudyDate=20200101&AccessionNumber=1", 413),
        ({"query_fields": 2}, "includefield=PatientID,StudyDate,AccessionNumber", 413),
        ({"query_uids": 2}, "StudyInstanceUID=1.2,1.3,1.4", 413),
        ({"wildcards": 2}, "PatientName=a*b*c*", 400),
    ],
)
async def test_a_query_beyond_a_bound_is_refused_with_a_sentence(limits: dict[str, int], query: str, status: int, tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits=limits):
        answer = await site.get(f"/studies?{query}")
        assert answer.status_code == status, answer.text
        assert len(answer.json()["detail"]) > 20
    async for site in open_site(tmp_path / "other"):
        assert (await site.get(f"/studies?{query}")).status_code == 200


async def test_frames_beyond_the_bound_are_refused(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"frames": 3}):
        answer = await site.get(f"/studies/{fresh_uid()}/series/1.2/instances/1.3/frames/1,1,1,1")
        assert answer.status_code in (400, 413)
        assert "3" in answer.json()["detail"]


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
async def test_an_answer_of_large_matches_is_cut_and_says_so_and_goes_on(level: str, tmp_path: Path) -> None:
    await goes_on(level, tmp_path)


async def test_so_it_does_on_postgresql(postgres: Server, tmp_path: Path) -> None:
    with postgres.database() as url:
        await goes_on("instances", tmp_path, database={"url": url})


async def goes_on(level: str, folder: Path, **settings: Any) -> None:
    async for site in open_site(folder / "data", limits={"search_bytes": 100_000}, **settings):
        await site.store(*(instance(rows=0, StudyDescription="d" * 20_000, SeriesDescription="e" * 20_000) for _ in range(20)))
        answer = await site.get(f"/{level}?includefield=all&limit=50", "application/dicom+json")
        some = answer.json()
        assert 1 <= len(some) < 20
        assert f"There are {20 - len(some)} additional results" in answer.headers["Warning"]
        seen = {json.dumps(found, sort_keys=True) for found in some}
        while following := answer.links.get("next"):
            answer = await site.http.get(following["url"].removeprefix(BASE))
            seen |= {json.dumps(found, sort_keys=True) for found in answer.json()}
        assert len(seen) == 20


async def test_a_store_is_turned_away_while_too_much_waits_and_taken_afterwards(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", store={"threads": 1, "waiting": 1}):
        turns = site.app.state.service.archive.turns
        gate = threading.Event()
        work = [asyncio.create_task(turns.work(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0.05)
        answer = await site.store(instance())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "store.waiting" in answer.json()["detail"]
        assert (await site.get("/studies")).status_code == 200
        gate.set()
        await asyncio.gather(*work)
        assert (await site.store(instance())).status_code == 200


async def test_many_stores_at_once_leave_searches_quick(tmp_path: Path) -> None:
    """Objects of many tiny elements are seconds of work in all: it is done in threads of its own, a few at a time."""
    async for site in open_site(tmp_path / "data"):
        slowest, answers = await _meanwhile(site, [site.store(*(instance(rows=0) + tiny(30_000) for _ in range(3))) for _ in range(4)])
        assert [answer.status_code for answer in answers] == [200] * 4
        assert slowest < 3


async def test_heavy_objects_are_stored_and_listed_whole_while_searches_stay_quick(tmp_path: Path) -> None:
    """So many elements that the collector of cycles stays out of the way, and that the answer is put together as text."""
    async for site in open_site(tmp_path / "data"):
        slowest, (stored,) = await _meanwhile(site, [site.store(*(instance(rows=0) + tiny(HEAVY + 10_000) for _ in range(2)))])
        assert (stored.status_code, gc.isenabled()) == (200, True)
        slower, (listed,) = await _meanwhile(site, [site.get("/instances?includefield=all")])
        assert [len(match) > HEAVY for match in listed.json()] == [True, True]
        assert max(slowest, slower) < 3


def tiny(count: int) -> bytes:
    return b"".join(struct.pack("<HH2sH", 0x1011 + 2 * (n >> 12), 0x1000 + (n & 0xFFF), b"LO", 0) for n in range(count))


async def _meanwhile(site: Site, work: Sequence[Coroutine[Any, Any, httpx.Response]]) -> tuple[float, list[httpx.Response]]:
    """The slowest of the searches that are made while all that `work` is under way, and its answers."""
    tasks, slowest, loop = [asyncio.create_task(each) for each in work], 0.0, asyncio.get_running_loop()
    while not all(task.done() for task in tasks):
        begun = loop.time()
        assert (await site.get("/studies?limit=1")).status_code == 200
        slowest = max(slowest, loop.time() - begun)
        await asyncio.sleep(0.05)
    return slowest, await asyncio.gather(*tasks)
