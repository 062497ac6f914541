"""The HTTP/1.1 connections of `radiolucent serve`: uvicorn's, guarded (RFC 9112; RFC 9110 15.5.9).

httptools reads a head or a trailer of any length before anybody is asked, waits for ever, and leaves to us what two servers may read in two
ways. Here a head is bounded and due soon, a body and an answer have to move, a request that is framed in doubt ends its connection, and so
does everything behind it: it is never read. Must not know: resources. The gate behind it (`api/middleware`) sees whole heads only.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.cli.peer import subject_of
from app.cli.watch import Patience, Watch
from app.feed import NEWS
from app.settings import load_settings
from app.settings.groups import Connections

PIPELINED = 16
"""Requests that may wait behind the one that is being answered."""

LINGER_SECONDS = 5.0
"""How long the rest of a body is thrown away after its answer, before the connection ends (RFC 9112 9.6)."""

_watches: WeakKeyDictionary[ServerState, Watch] = WeakKeyDictionary()
_FRAMING = "RFC 9112 6.3"


class _State(Enum):
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"


class _RefusedError(Exception):
    """What the parser's callbacks raise: the request cannot be taken."""

    def __init__(self, status: int, code: str, sentence: str, clause: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.clause = status, code, sentence, clause


@cache
def _settings() -> tuple[Connections, frozenset[str]]:
    # Each worker reads its settings itself, as the application does; uvicorn hands a protocol nothing of ours.
    settings = load_settings()
    return settings.connections, frozenset(settings.http.trusted_proxies)


class GuardedHttp(HttpToolsProtocol):
    """One connection. `_state` tells what its client is to send next; `_running` is the request that is being answered."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if server_state not in _watches:
            _watches[server_state] = Watch(*_settings(), self.loop)
        self._watch = _watches[server_state]
        bounds = self._watch.bounds
        self.timeout_keep_alive = bounds.idle_seconds
        self.address = ""
        self._certificate = ""
        self._state = _State.HEAD
        self._waited = 0.0
        self._unused = 0
        self._received = 0
        self._deaf = False
        self._unwelcome = ""
        self._reading = Patience(bounds.body_seconds, bounds.rate)
        self._writing = Patience(bounds.answer_seconds, bounds.rate)
        self._unsent = 0
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._certificate = subject_of(transport)
        self._unwelcome = self._watch.enter(self)
        if self._unwelcome and self._watch.crowded:
            self._watch.refused("the number of connections")
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.leave(self)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True  # uvicorn tells only the one that came last
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if news := self.app_state.get(NEWS):
            news.end()  # the server waits for answers under way; those that only wait for changes would never end
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        if self._unwelcome:
            self._refuse(_RefusedError(503, "busy", self._unwelcome), "the number of connections")
            return
        if self._state is _State.IDLE:
            self._await_head()
        self._unused += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Answered as if it had asked for nothing; whatever protocol comes behind is none of ours.
            self._deaf = True
            if self._running is not None:
                self._running.keep_alive = False
        except httptools.HttpParserError as error:
            refused = error.__context__
            if not isinstance(refused, _RefusedError):
                refused = _RefusedError(400, "bad-request", "This is not a request of HTTP/1.1, or its framing is in doubt", "RFC 9112 2.2")
            self._refuse(refused, "malformed requests")
        else:
            if self._unused > self._watch.bounds.head_bytes and not self._deaf:
                sentence = "The head of the request is longer than this server takes (setting connections.head_bytes)"
                self._refuse(_RefusedError(431, "head-too-large", sentence, "RFC 6585 5"), "the size of a head")

    def on_message_begin(self) -> None:
        if self._deaf:
            raise ConnectionError
        super().on_message_begin()
        self._start_head()
        if self._state is _State.IDLE:
            self._await_head()

    def _start_head(self) -> None:
        """Who sends it, as TLS has made sure (ASGI TLS extension, `client_cert_name`: RFC 4514)."""
        if self._certificate:
            self.scope.setdefault("extensions", {})["tls"] = {"client_cert_name": self._certificate}

    def on_headers_complete(self) -> None:
        self._check_head()
        self._unused = self._received = 0
        self._state = _State.BODY
        self._reading.renew()
        super().on_headers_complete()
        if self.expect_100_continue:
            self.cycle.send = _closing_unless_asked(self.cycle)  # type: ignore[method-assign, assignment]

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused = 0
        self._state = _State.IDLE
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._waited = 0.0
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _await_head(self) -> None:
        self._state, self._waited = _State.HEAD, 0.0

    def _check_head(self) -> None:
        """What is to be refused of a head that httptools has read: whatever another server before us may have read otherwise."""
        version, names = self.parser.get_http_version(), [name for name, _ in self.headers]
        if version not in ("1.1", "1.0"):
            raise _RefusedError(505, "http-version-not-supported", "This server speaks HTTP/1.1", "RFC 9110 15.6.6")
        if len(names) > self._watch.bounds.headers:
            sentence = "The request has more header lines than this server takes (setting connections.headers)"
            raise _RefusedError(431, "head-too-large", sentence, "RFC 6585 5")
        if b"transfer-encoding" in names:
            codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
            if codings != [b"chunked"] or version == "1.0" or b"content-length" in names:
                sentence = "The length of the body is in doubt: send either one Content-Length, or Transfer-Encoding: chunked alone"
                raise _RefusedError(400, "bad-request", sentence, _FRAMING)
        elif names.count(b"content-length") > 1:
            raise _RefusedError(400, "bad-request", "The request has more than one Content-Length", _FRAMING)
        if self.parser.get_method() in (b"TRACE", b"CONNECT"):
            raise _RefusedError(405, "method-not-allowed", "This server takes neither TRACE nor CONNECT", "RFC 9110 9.3.8")
        if len(self.pipeline) >= PIPELINED:
            raise _RefusedError(
                400, "bad-request", "More requests were sent ahead on this connection than the server takes", "RFC 9112 9.3.2"
            )

    def look(self, seconds: float) -> None:
        """See `Watch`."""
        bounds = self._watch.bounds
        if self.transport.is_closing():
            self._waited += seconds
            if self._waited > bounds.answer_seconds:  # what is left of the answer is taken by nobody
                self.transport.abort()
            return
        received, self._received = self._received, 0
        answering = self._running is not None and not self._running.response_complete
        if self._is_stuck(seconds):
            self._watch.refused("answers that nobody takes")
            self.transport.abort()
        elif self._state is _State.BODY and self.cycle.response_complete:
            self._waited += seconds
            if self._waited > LINGER_SECONDS:
                self.transport.close()
        elif self._state is _State.BODY and not self.flow.read_paused:
            if self._reading.spend(seconds, received):
                sentence = "The body of the request came too slowly, or not at all (settings connections.body_seconds and .rate)"
                self._refuse(_RefusedError(408, "request-timeout", sentence, "RFC 9110 15.5.9"), "slow bodies")
        elif self._state is _State.HEAD and not answering:
            self._waited += seconds
            if self._waited > bounds.head_seconds:
                self._give_up()

    def _is_stuck(self, seconds: float) -> bool:
        """Whether the client does not take what we have for it."""
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if not self.flow.write_paused:
            self._writing.renew()
            return False
        return self._writing.spend(seconds, max(0, before - self._unsent))

    def resume_writing(self) -> None:
        self._writing.renew()
        super().resume_writing()

    def _give_up(self) -> None:
        if not self._unused and self.parser is not None:
            self.transport.close()  # a browser's connection in reserve: nothing was asked
            return
        sentence = "The head of the request did not come in time (setting connections.head_seconds)"
        self._refuse(_RefusedError(408, "request-timeout", sentence, "RFC 9110 15.5.9"), "slow heads")

    def _refuse(self, refused: _RefusedError, why: str) -> None:
        """End the connection with an answer, unless an answer to something else is on its way: then that one comes to its end first."""
        self._watch.refused(why)
        self._deaf = True
        running = self._running
        if running is None or running.response_complete:
            self._answer(refused)
        elif self.cycle is not running or self._state is not _State.BODY:
            running.keep_alive = False
            self.pipeline.clear()
        elif running.response_started:
            self.transport.abort()  # a second answer within the first would look like a part of it
        else:
            running.disconnected = True
            running.message_event.set()
            self._answer(refused)

    def _answer(self, refused: _RefusedError) -> None:
        if self.transport.is_closing():
            return
        request_id = os.urandom(8).hex()
        document = {"type": f"urn:radiolucent:problem:{refused.code}", "title": refused.code.replace("-", " ").capitalize()}
        document |= {"status": refused.status, "code": refused.code, "detail": refused.sentence, "request_id": request_id}  # type: ignore[dict-item]
        document |= {"clause": refused.clause} if refused.clause else {}
        body = json.dumps(document).encode()
        lines = [b"content-type: application/problem+json", b"content-length: %d" % len(body), b"connection: close"]
        lines += [b"cache-control: no-store", b"x-content-type-options: nosniff", b"x-request-id: " + request_id.encode()]
        lines += [b"retry-after: 5"] if refused.status == 503 else []
        lines += [b"allow: GET, HEAD, POST, PUT, DELETE, OPTIONS"] if refused.status == 405 else []
        self.transport.write(STATUS_LINE[refused.status] + b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()


def _closing_unless_asked(cycle: RequestResponseCycle) -> Callable[[Any], Any]:
    """A final answer before the body was asked for ends the connection: whether the body still comes is in doubt (RFC 9110 10.1.1)."""
    send = cycle.send

    async def guarded(message: Any) -> None:
        if cycle.waiting_for_100_continue:
            cycle.keep_alive = False
        await send(message)

    return guarded
