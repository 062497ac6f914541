"""A real rsyslog on loopback that takes syslog over TLS (RFC 5425) and writes each message as a line of JSON."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services.authority import Pair

CONFIGURATION = """
global(
    workDirectory="{folder}"
    maxMessageSize="1m"
    defaultNetstreamDriver="gtls"
    defaultNetstreamDriverCAFile="{authority}"
    defaultNetstreamDriverCertFile="{certificate}"
    defaultNetstreamDriverKeyFile="{key}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="{mode}")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="json" type="list") {{
    constant(value="{{")
    property(name="pri" format="jsonf") constant(value=",")
    property(name="timereported" format="jsonf" dateFormat="rfc3339") constant(value=",")
    property(name="hostname" format="jsonf") constant(value=",")
    property(name="app-name" format="jsonf") constant(value=",")
    property(name="procid" format="jsonf") constant(value=",")
    property(name="msgid" format="jsonf") constant(value=",")
    property(name="msg" format="jsonf")
    constant(value="}}\\n")
}}
action(type="omfile" file="{folder}/taken.jsonl" template="json" asyncWriting="off" flushOnTXEnd="on")
"""


def rsyslogd() -> str | None:
    return shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")


@dataclass
class Rsyslog:
    """`port` stays the same when it is stopped and started again."""

    folder: Path
    authority: Path
    pair: Pair
    mode: str = "anon"
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        program = rsyslogd()
        assert program is not None, "`make services` installs rsyslog and rsyslog-gnutls"
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        configuration = self.folder / "rsyslog.conf"
        values = {"authority": self.authority, "certificate": self.pair.certificate, "key": self.pair.key, "mode": self.mode}
        configuration.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, **values))
        log = (self.folder / "rsyslogd.log").open("ab")
        command = [program, "-n", "-f", str(configuration), "-i", str(self.folder / "rsyslogd.pid")]
        self._process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "rsyslogd.log").read_text()
                assert self._process.poll() is None, (self.folder / "rsyslogd.log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def taken(self, count: int = 0, seconds: float = 20) -> list[dict[str, Any]]:
        """What it has written, as soon as that is so much."""
        deadline = time.monotonic() + seconds
        path = self.folder / "taken.jsonl"
        while True:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            found = [json.loads(line) for line in text.split("\n")[:-1]]  # the last one may be half written
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


@contextmanager
def receiving(folder: Path, authority: Path, pair: Pair, mode: str = "anon") -> Iterator[Rsyslog]:
    folder.mkdir()
    server = Rsyslog(folder, authority, pair, mode)
    try:
        server.start()
        yield server
    finally:
        server.stop()
