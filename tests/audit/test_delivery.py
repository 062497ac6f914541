"""Out of the trail at least once and in order: to a real rsyslog over TLS, and to a FHIR endpoint."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.audit import delivery
from app.audit.delivery import Delivery, pending
from app.audit.dicom_message import Site
from app.audit.events import Event
from app.audit.receivers import to_fhir, to_syslog
from app.audit.sinks import FileSink
from app.audit.syslog import Receiver, framed, send, syslog_message
from app.audit.trail import Cursor
from app.model import Action, AuditEntry, Caller, Target, Uid
from app.settings import SettingsError, load_settings
from tests.api.conftest import open_site
from tests.audit.test_events import validate
from tests.services.authority import Authority
from tests.services.receiver import Receiver as HttpReceiver
from tests.services.rsyslog import Rsyslog, receiving

START = 1769847300.0  # 2026-01-31T08:15:00Z
SITE = Site("archive-1", "North Hospital")


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def record(path: Path, clock: Clock, *studies: str, subject: str = "ann") -> None:
    sink = FileSink(path, clock)
    for study in studies:
        await sink.record(AuditEntry(Caller(subject, "user", "192.0.2.7", "r-1"), Action.RETRIEVE, Target(Uid(study)), "success", {}))
    await sink.close()


class Sent:
    """A way out that fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.studies: list[str] = []
        self.counts: list[int] = []

    def __call__(self, events: Sequence[Event]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionResetError
        self.studies += [event.record["study"] for event in events]
        self.counts += [event.count for event in events]


async def test_what_is_recorded_is_delivered_once_its_minute_is_over(path: Path, clock: Clock) -> None:
    sent = Sent()
    way = Delivery(path, "x", sent, clock)
    assert way.step() == 0
    await record(path, clock, "1.1", "1.1", "1.2", "1.1")
    assert way.step() == 0
    clock.at += 63
    assert way.step() == 4
    assert (sent.studies, sent.counts) == (["1.1", "1.2"], [3, 1])
    assert way.step() == 0


async def test_what_could_not_be_sent_is_sent_again(path: Path, clock: Clock) -> None:
    sent = Sent(failures=2)
    await record(path, clock, "1.1", "1.2")
    clock.at += 63
    for _ in range(2):
        with pytest.raises(OSError):
            Delivery(path, "x", sent, clock).step()
    Delivery(path, "x", sent, clock).step()
    assert sent.studies == ["1.1", "1.2"]


async def test_a_new_process_goes_on_where_the_last_one_ended_also_behind_a_rotation(path: Path, clock: Clock) -> None:
    sent = Sent()
    await record(path, clock, "1.1", "1.2")
    clock.at += 63
    Delivery(path, "x", sent, clock).step()
    await record(path, clock, "1.3")
    rotated = path.with_name("audit.jsonl.1")
    path.rename(rotated)
    clock.at += 60
    await record(path, clock, "1.4")
    with gzip.open(path.with_name("audit.jsonl.1.gz"), "wb") as file:
        file.write(rotated.read_bytes())
    rotated.unlink()
    clock.at += 63
    Delivery(path, "x", sent, clock).step()
    assert sent.studies == ["1.1", "1.2", "1.3", "1.4"]


async def test_when_the_file_of_the_cursor_is_gone_it_goes_on_with_what_is_younger(path: Path, clock: Clock) -> None:
    sent = Sent()
    await record(path, clock, "1.1")
    clock.at += 63
    Delivery(path, "x", sent, clock).step()
    path.unlink()
    await record(path, clock, "1.2")
    clock.at += 63
    Delivery(path, "x", sent, clock).step()
    assert sent.studies == ["1.1", "1.2"]


async def test_a_line_that_is_being_written_is_waited_for(path: Path, clock: Clock) -> None:
    await record(path, clock, "1.1", "1.2")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    found, cursor = pending(path, Cursor(), "9999", 100)
    assert [each["study"] for each in found] == ["1.1"]
    path.write_bytes(whole)
    assert [each["study"] for each in pending(path, cursor, "9999", 100)[0]] == ["1.2"]


async def test_of_two_processes_one_delivers(path: Path, clock: Clock) -> None:
    await record(path, clock, "1.1")
    clock.at += 63
    first, second = Sent(), Sent()
    running = [asyncio.create_task(Delivery(path, "x", sent, clock).run()) for sent in (first, second)]
    await asyncio.sleep(0.3)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert sorted([first.studies, second.studies]) == [[], ["1.1"]]


def test_the_message_is_that_of_rfc_5424_in_the_frame_of_rfc_5425() -> None:
    message = syslog_message(b"<a/>", "2026-01-31T08:15:00.123Z", "host name\u00e9", "archive", "")
    assert message == b"<85>1 2026-01-31T08:15:00.123Z hostname archive - DICOM+RFC3881 - \xef\xbb\xbf<a/>"
    assert framed(message) == f"{len(message)} ".encode() + message


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def rsyslog(tmp_path: Path, authority: Authority) -> Iterator[Rsyslog]:
    with receiving(tmp_path / "rsyslog", authority.certificate, authority.server()) as server:
        yield server


async def test_a_real_rsyslog_takes_valid_messages_over_tls(
    rsyslog: Rsyslog, authority: Authority, path: Path, clock: Clock, tmp_path: Path
) -> None:
    await record(path, clock, "1.1", "1.2", "1.3")
    clock.at += 63
    Delivery(path, "syslog", to_syslog(Receiver("localhost", rsyslog.port, authority.certificate), SITE), clock).step()
    taken = rsyslog.taken(3)
    assert len(taken) == 3
    assert {(each["pri"], each["app-name"], each["msgid"], each["timereported"][:19]) for each in taken} == {
        ("85", "archive-1", "DICOM+RFC3881", "2026-01-31T08:15:00")
    }
    checked = validate([each["msg"].lstrip().removeprefix("\ufeff").encode() for each in taken], tmp_path)
    assert checked.returncode == 0, checked.stderr


async def test_what_is_recorded_while_rsyslog_is_away_comes_later_and_nothing_is_lost(
    rsyslog: Rsyslog, authority: Authority, path: Path, clock: Clock
) -> None:
    way = to_syslog(Receiver("127.0.0.1", rsyslog.port, authority.certificate), SITE)
    for turn in range(3):
        await record(path, clock, *(f"1.{turn}.{number}" for number in range(20)))
        clock.at += 63
        if turn == 1:
            rsyslog.stop()
            with pytest.raises(OSError):
                Delivery(path, "syslog", way, clock).step()
            rsyslog.start()
            continue
        Delivery(path, "syslog", way, clock).step()
    texts = "".join(each["msg"] for each in rsyslog.taken(60))
    assert all(f'ParticipantObjectID="1.{turn}.{number}"' in texts for turn in range(3) for number in range(20))


def test_a_large_study_is_one_message_that_arrives_whole(rsyslog: Rsyslog, authority: Authority) -> None:
    document = b"<a>" + b"x" * 150_000 + b"</a>"
    send(
        Receiver("localhost", rsyslog.port, authority.certificate),
        [syslog_message(document, "2026-01-31T08:15:00.123Z", "h", "a", "1")] * 2,
    )
    assert [len(each["msg"].strip().removeprefix("\ufeff")) for each in rsyslog.taken(2)] == [len(document)] * 2


def test_a_receiver_whose_certificate_nobody_we_know_has_signed_gets_nothing(rsyslog: Rsyslog, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another authority")
    with pytest.raises(ssl.SSLCertVerificationError):
        send(Receiver("localhost", rsyslog.port, other.certificate), [b"x"])
    assert rsyslog.taken() == []


def test_a_receiver_that_knows_its_senders_is_shown_a_certificate(authority: Authority, tmp_path: Path) -> None:
    ours = authority.client("archive 1", "North Hospital")
    message = [syslog_message(b"<a/>", "2026-01-31T08:15:00.123Z", "h", "a", "1")]
    with receiving(tmp_path / "rsyslog", authority.certificate, authority.server(), "x509/certvalid") as server:
        send(Receiver("localhost", server.port, authority.certificate, ours.certificate, ours.key), message)
        assert len(server.taken(1)) == 1
        with pytest.raises(OSError):
            send(Receiver("localhost", server.port, authority.certificate), message * 2)
        assert len(server.taken()) == 1


@pytest.fixture
def fhir_server() -> Iterator[HttpReceiver]:
    server = HttpReceiver()
    server.start()
    yield server
    server.stop()


async def test_a_fhir_server_gets_audit_events_and_what_it_does_not_take_once_more(
    fhir_server: HttpReceiver, path: Path, clock: Clock
) -> None:
    answers = iter([500, 201, 201])
    fhir_server.answer = lambda _: (next(answers), {})
    way = to_fhir(f"http://127.0.0.1:{fhir_server.port}/fhir/", "secret", SITE)
    await record(path, clock, "1.1", "1.2")
    clock.at += 63
    with pytest.raises(OSError, match="status 500"):
        Delivery(path, "fhir", way, clock).step()
    Delivery(path, "fhir", way, clock).step()
    first, second = (json.loads(taken.body) for taken in fhir_server.taken)
    assert [event["entity"][0]["what"]["identifier"]["value"] for event in (first, second)] == ["urn:oid:1.1", "urn:oid:1.2"]
    headers = fhir_server.taken[0].headers
    assert (headers["authorization"], headers["content-type"]) == ("Bearer secret", "application/fhir+json")
    fhir_server.stop()
    clock.at += 60
    await record(path, clock, "1.3")
    clock.at += 63
    with pytest.raises(OSError, match="cannot be reached"):
        Delivery(path, "fhir", way, clock).step()


@pytest.mark.parametrize(
    "audit",
    [
        {"syslog": "audit.example.org"},
        {"syslog": "audit.example.org:many"},
        {"syslog": "tcp://audit.example.org:6514"},
        {"fhir": "http://fhir.example.org"},
        {"fhir": "fhir.example.org"},
        {"syslog_key": "key.pem"},
    ],
)
def test_settings_that_would_send_nowhere_or_in_plain_are_refused(audit: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="RADIOLUCENT_AUDIT"):
        load_settings(audit=audit)


async def test_a_running_service_delivers_by_itself(fhir_server: HttpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WINDOW_SECONDS", 0.2), ("GRACE", 0.0), ("LOOK", 0.05)):
        monkeypatch.setattr(delivery, name, value)
    async for site in open_site(tmp_path / "data", audit={"fhir": f"http://127.0.0.1:{fhir_server.port}"}):
        await site.get("/studies?PatientID=4711")
        for _ in range(200):
            if fhir_server.taken:
                break
            await asyncio.sleep(0.05)
    (event,) = fhir_server.taken[0].events
    assert event["subtype"][0]["code"] == "search-type"
