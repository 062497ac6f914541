"""A real HTTP server on loopback that webhooks are sent to: it takes, refuses, hangs, breaks off, as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Taken"], tuple[int, dict[str, str]] | None]
"""Status and headers; None breaks the connection off."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One request as it came, and when (seconds of a steady clock)."""

    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def events(self) -> list[dict[str, Any]]:
        told = json.loads(self.body)
        return told if isinstance(told, list) else [told]

    @property
    def numbers(self) -> list[int]:
        return [event["data"]["sequence"] for event in self.events]

    def is_signed(self, secret: str) -> bool:
        """As Standard Webhooks tells receivers to check it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b".".join([self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body])
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        recent = abs(time.time() - int(self.headers["webhook-timestamp"])) < 300
        return recent and hmac.compare_digest(wanted, self.headers["webhook-signature"])


def ok(_: Taken) -> tuple[int, dict[str, str]]:
    return 204, {}


class Receiver:
    """`answer` may be changed at any time; `tried` are all requests, `taken` those that were answered 2xx."""

    def __init__(self) -> None:
        self.answer: Answer = ok
        self.tried: list[Taken] = []
        self.taken: list[Taken] = []
        self.hanging = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def start(self) -> None:
        """Begin, or begin again at the same port."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken = Taken({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.tried.append(taken)
                given = receiver.answer(taken)
                if given is None:
                    self.close_connection = True
                    return
                status, headers = given
                if 200 <= status < 300:
                    receiver.taken.append(taken)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.hanging.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def silence(self, _: Taken) -> tuple[int, dict[str, str]] | None:
        """Say nothing until `stop`, or until `hanging` is set; then break off."""
        self.hanging.wait(120)
        return None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def numbers(self) -> list[int]:
        """Sequences in the order in which they were taken."""
        return [number for taken in self.taken for number in taken.numbers]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
