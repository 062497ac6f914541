"""The gate in front of every route, as plain ASGI: request id, Host and Origin checks, safe headers, the last catch.

Local mode needs no login, so the browser of its user is the way in for an attacker: a page from elsewhere must neither reach the
service under a rebound name (Host check) nor write to it (Origin check).
"""

from __future__ import annotations

import logging
import os
import re
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import internal_problem, problem
from app.api.request import REQUEST_ID
from app.errors import DicomwebError

log = logging.getLogger("radiolucent")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """ASGI middleware. `hosts`: names this server answers to (empty: any); `origins`: of viewers that are served from elsewhere."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], origins: frozenset[str], hsts_seconds: int = 0) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins
        self.transport_security = f"max-age={hsts_seconds}" if hsts_seconds else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = scope[REQUEST_ID] = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope["path"] = scope["path"][:-1]
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                answer = MutableHeaders(scope=message)
                self._add_headers(answer, headers, request_id)
                # Browsers do not look at it where it came by http: whether the word of a proxy can be believed does not matter.
                if self.transport_security and "https" in (scope["scheme"], headers.get("x-forwarded-proto", "").lower()):
                    answer["Strict-Transport-Security"] = self.transport_security
            await send(message)

        try:
            answering = self._refusal(scope["method"], headers, request_id) or self.app
            await answering(scope, receive, send_safely)
        except Exception as error:  # noqa: BLE001 - the last catch: whatever it is, it gets an answer without its text
            _log_failure(error, request_id)
            if started:
                raise ConnectionAbortedError("the answer broke off") from None
            await internal_problem(request_id)(scope, receive, send_safely)

    def _refusal(self, method: str, headers: Headers, request_id: str) -> Response | None:
        host, *more = headers.getlist("host") or [""]
        if more:
            sentence = "The request has more than one Host header"
            return problem(400, "Bad request", sentence, code="bad-request", request_id=request_id, clause="RFC 9112 3.2")
        if self.hosts and _name_of(host) not in self.hosts:
            sentence = "This server is not addressed by that host name; setting http.allowed_hosts lists those it answers to"
            return problem(400, "Unknown host", sentence, code="unknown-host", request_id=request_id)
        if method in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            foreign = headers.get("sec-fetch-site") == "cross-site"
        else:
            foreign = origin not in self.origins and (not host or origin.partition("://")[2].lower() != host.lower())
        if foreign:
            sentence = "A page of another origin may not change anything here; setting http.cors_origins lists those that may"
            return problem(403, "Cross-site request refused", sentence, code="cross-site", request_id=request_id)
        return None

    def _add_headers(self, answer: MutableHeaders, request: Headers, request_id: str) -> None:
        answer["X-Request-Id"] = request_id
        answer["X-Content-Type-Options"] = "nosniff"
        shared = request.get("origin") in self.origins
        answer["Cross-Origin-Resource-Policy"] = "cross-origin" if shared else "same-origin"


def _name_of(host: str) -> str:
    """`[::1]:8080` -> `::1`, `localhost:8080` -> `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _log_failure(error: Exception, request_id: str) -> None:
    told = error.__cause__ or error.__context__
    if isinstance(told, DicomwebError):  # of the answer's later parts one cannot be made: known trouble, too late for a status
        log.warning("request %s: its answer broke off: %s", request_id, type(told).__name__)
        return
    """Where it happened, not with what values: the text of a foreign exception may quote a data set."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    log.error("request %s failed: %s at %s", request_id, type(error).__name__, where)
