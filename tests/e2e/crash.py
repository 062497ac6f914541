"""kill -9 again and again, under traffic of every kind, and what must be true afterwards: the tool behind `make crash` and its short run.

Some threads own studies: they store, send again, delete and read, and know what must be there. Others fight over a few SOP Instance UIDs
with different bytes. For each UID the ledger holds every state that the acknowledged and the interrupted requests allow; after each kill
the server must show exactly one of them, whole in search at three levels, metadata and retrieval.
"""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pydicom

from tests.builders import fresh_uid, instance, multipart
from tests.e2e.server import Server, start
from tests.parts import parts_of

OWNERS = 3
RIVALS = 2
PART10 = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
ABSENT = b""


@dataclass(slots=True)
class Figures:
    """What a run has done, for its report."""

    cycles: int = 0
    stored: int = 0
    again: int = 0
    conflicts: int = 0
    deleted: int = 0
    read: int = 0
    interrupted: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name)}" for name in self.__slots__)


@dataclass(slots=True)
class Ledger:
    """`possible`: for each SOP Instance UID the contents that it may have now (ABSENT: none). `where`: study and series of each."""

    possible: dict[str, set[bytes]] = field(default_factory=dict)
    where: dict[str, tuple[str, str]] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, by: int = 1) -> None:
        with self.lock:
            setattr(self.figures, name, getattr(self.figures, name) + by)

    def begin(self, uid: str, *contents: bytes) -> None:
        """A request is on its way that may bring about one of these."""
        with self.lock:
            self.possible.setdefault(uid, {ABSENT}).update(contents)

    def settle(self, uid: str, content: bytes) -> None:
        """The server has said so."""
        with self.lock:
            assert content in self.possible[uid], "acknowledged what nobody has sent"
            self.possible[uid] = {content}


@dataclass(slots=True)
class Owner:
    """A thread's own studies: nobody else touches them, so that each answer tells what is there."""

    server: Server
    ledger: Ledger
    chance: random.Random
    mine: dict[str, bytes] = field(default_factory=dict)

    def run(self) -> None:
        with httpx.Client(base_url=self.server.base, timeout=60) as client:
            try:
                while True:
                    self.chance.choices([self.store, self.store_again, self.delete, self.read], [5, 2, 2, 4])[0](client)
            except httpx.TransportError:
                self.ledger.count("interrupted")

    def store(self, client: httpx.Client) -> None:
        study = fresh_uid() if self.chance.random() < 0.5 or not self.mine else self.ledger.where[self.chance.choice(list(self.mine))][0]
        batch = {}
        for _ in range(self.chance.randint(1, 4)):
            uid, series, rows = fresh_uid(), f"{study}.{self.chance.randint(1, 2)}", self.chance.choice([8, 64, 900])
            syntax = self.chance.choice(["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
            batch[uid] = instance(study_uid=study, series_uid=series, instance_uid=uid, rows=rows, columns=600, transfer_syntax=syntax)
            self.ledger.where[uid] = study, series
        self._send(client, batch)
        self.ledger.count("stored", len(batch))

    def store_again(self, client: httpx.Client) -> None:
        if self.mine:
            self._send(client, {uid: self.mine[uid] for uid in self.chance.sample(list(self.mine), min(3, len(self.mine)))})
            self.ledger.count("again")

    def delete(self, client: httpx.Client) -> None:
        if not self.mine:
            return
        uid = self.chance.choice(list(self.mine))
        study, series = self.ledger.where[uid]
        depth = self.chance.randint(1, 3)
        named = [("studies", study), ("series", series), ("instances", uid)][:depth]
        gone = [one for one in self.mine if self.ledger.where[one][: min(depth, 2)] == (study, series)[: min(depth, 2)]]
        gone = [uid] if depth == 3 else gone
        for one in gone:
            self.ledger.begin(one, ABSENT)
        answer = client.delete("".join(f"/{name}/{value}" for name, value in named))
        assert answer.status_code == 204, answer.text
        for one in gone:
            self.ledger.settle(one, ABSENT)
            del self.mine[one]
        self.ledger.count("deleted", len(gone))

    def read(self, client: httpx.Client) -> None:
        if not self.mine:
            return
        uid = self.chance.choice(list(self.mine))
        study, series = self.ledger.where[uid]
        answer = client.get(f"/studies/{study}/series/{series}/instances/{uid}", headers=PART10)
        assert answer.status_code == 200, answer.text
        (part,) = parts_of(answer)
        assert_same(part.body, self.mine[uid])
        self.ledger.count("read")

    def _send(self, client: httpx.Client, batch: Mapping[str, bytes]) -> None:
        for uid, content in batch.items():
            self.ledger.begin(uid, content)
        body, content_type = multipart(list(batch.values()))
        answer = client.post("/studies", content=body, headers={"Content-Type": content_type})
        assert answer.status_code == 200, answer.text
        for item in answer.json()["00081199"]["Value"]:
            uid = item["00081155"]["Value"][0]
            self.ledger.settle(uid, batch[uid])
            self.mine[uid] = batch[uid]


def fight(server: Server, ledger: Ledger, uids: list[str], study: str, seed: int) -> None:
    """Send bytes of one's own under UIDs that others use as well: whoever is acknowledged first has won for all time."""
    chance = random.Random(seed)
    with httpx.Client(base_url=server.base, timeout=60) as client:
        while True:
            uid = chance.choice(uids)
            content = instance(study_uid=study, series_uid=f"{study}.1", instance_uid=uid, PatientComments=f"rival {seed}")
            ledger.where[uid] = study, f"{study}.1"
            ledger.begin(uid, content)
            try:
                answer = client.post("/studies", content=content, headers={"Content-Type": "application/dicom"})
            except httpx.TransportError:
                ledger.count("interrupted")
                return
            assert answer.status_code in {200, 409}, answer.text
            if answer.status_code == 200:
                ledger.settle(uid, content)
            else:
                ledger.count("conflicts")


def check(server: Server, ledger: Ledger) -> None:
    """What the server shows of each UID is possible and whole everywhere; from now on it is the only possible."""
    with httpx.Client(base_url=server.base, timeout=120) as client:
        rows = client.get("/instances?limit=10000").json()
        assert len(rows) < 10000
        visible = {row["00080018"]["Value"][0]: row["0020000D"]["Value"][0] for row in rows}
        assert set(visible) <= set(ledger.possible)
        lost = [uid for uid, possible in ledger.possible.items() if uid not in visible and ABSENT not in possible]
        assert lost == [], "acknowledged instances are lost"
        counts = {row["0020000D"]["Value"][0]: row["00201208"]["Value"][0] for row in client.get("/studies?limit=10000").json()}
        assert counts == {study: list(visible.values()).count(study) for study in set(visible.values())}, "a half visible study"
        series = sum(row["00201209"]["Value"][0] for row in client.get("/series?limit=10000").json())
        assert series == len(visible)
        for study, count in counts.items():
            _check_study(client, ledger, study, count)
        for uid in set(ledger.possible) - set(visible):
            ledger.possible[uid] = {ABSENT}


def _check_study(client: httpx.Client, ledger: Ledger, study: str, count: int) -> None:
    answer = client.get(f"/studies/{study}", headers=PART10)
    assert answer.status_code == 200, answer.text
    found = {}
    for part in parts_of(answer):
        uid = str(pydicom.dcmread(io.BytesIO(part.body), stop_before_pixels=True).SOPInstanceUID)
        sent = [content for content in ledger.possible[uid] if content and same(part.body, content)]
        assert sent, "an instance came back as nobody has sent it, or as somebody whose bytes were refused"
        found[uid] = sent[0]
    assert len(found) == count
    metadata = client.get(f"/studies/{study}/metadata").json()
    assert {item["00080018"]["Value"][0] for item in metadata} == set(found)
    for uid, content in found.items():
        ledger.possible[uid] = {content}


def same(received: bytes, sent: bytes) -> bool:
    """As sent; what came in big endian goes out in little endian (PS3.18 8.7.3), and is compared value by value."""
    if received == sent:
        return True
    given, original = pydicom.dcmread(io.BytesIO(received)), pydicom.dcmread(io.BytesIO(sent))
    if str(original.file_meta.TransferSyntaxUID) != "1.2.840.10008.1.2.2":
        return False
    swapped = bytearray(original.PixelData)
    swapped[0::2], swapped[1::2] = original.PixelData[1::2], original.PixelData[0::2]
    original.PixelData = bytes(swapped)
    return bool(given.PixelData == original.PixelData and given.SOPInstanceUID == original.SOPInstanceUID)


def assert_same(received: bytes, sent: bytes) -> None:
    assert same(received, sent), "an instance came back damaged"


def _warm(ledger: Ledger, work: list[Future[None]]) -> None:
    """Until the server has acknowledged something: on a busy machine its first answers take their time."""
    before, end = ledger.figures.stored, time.monotonic() + 20
    while ledger.figures.stored == before and time.monotonic() < end and not any(one.done() for one in work):
        time.sleep(0.01)


def campaign(
    data: Path,
    *,
    environment: Mapping[str, str],
    enough: Callable[[Figures], bool],
    seed: int,
    longest: float = 1.0,
    tell: Callable[[Figures], None] | None = None,
) -> Ledger:
    """Cycles of traffic and kill -9 until there are enough; the ledger after the last check, with the server stopped."""
    ledger, chance = Ledger(), random.Random(seed)
    while not enough(ledger.figures):
        server = start(data, environment=environment)
        try:
            check(server, ledger)
            study, uids = fresh_uid(), [fresh_uid() for _ in range(3)]
            owners = [Owner(server, ledger, random.Random(seed * 1000 + ledger.figures.cycles * 10 + n)) for n in range(OWNERS)]
            with ThreadPoolExecutor(OWNERS + RIVALS) as pool:
                work = [pool.submit(owner.run) for owner in owners]
                work += [pool.submit(fight, server, ledger, uids, study, ledger.figures.cycles * 10 + n) for n in range(RIVALS)]
                _warm(ledger, work)
                time.sleep(chance.uniform(0, longest))
                server.kill()
                for one in work:
                    one.result()
        finally:
            server.stop()
        ledger.figures.cycles += 1
        if tell is not None:
            tell(ledger.figures)
    server = start(data, environment=environment)
    try:
        check(server, ledger)
    finally:
        server.stop()
    return ledger
