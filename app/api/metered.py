"""`/metrics`, and the outermost layer round all routes, which counts requests. Plain ASGI: a few microseconds for each."""

from __future__ import annotations

import hmac
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.direct import ROUTE
from app.api.request import Service
from app.dicomweb.hosts import is_loopback
from app.errors import Forbidden, NotFound, Unauthorized
from app.meter import Meter

PATH = "/metrics"
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
WITHOUT_BODY = frozenset({"GET", "HEAD"})
GIVEN_UP = 499
"""Counted as the status of a request whose client went away before there was an answer."""


class Metered:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app = app
        self.meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status, received, sent = GIVEN_UP, 0, 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive if scope["method"] in WITHOUT_BODY else receive_counted, send_counted)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = scope.get(ROUTE, NO_ROUTE)
            self.meter.request(route, method, status, time.perf_counter() - began, received, sent)


async def metrics(request: Request) -> Response:
    """What was counted. Without a token in the settings for this machine alone, and not through a proxy on it."""
    service: Service = request.app.state.service
    if service.meter is None:
        raise NotFound("Nothing is counted here; setting metrics.enabled")
    if service.metrics_token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), service.metrics_token.encode()):
            raise Unauthorized("The token for metrics is missing or wrong (setting metrics.token)", invalid=bool(given))
    elif not _is_here(request):
        raise Forbidden("Metrics are for this machine alone, unless setting metrics.token names a token for them")
    body, media_type = service.meter.exposition(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def _is_here(request: Request) -> bool:
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for")):
        return False
    return request.client is not None and is_loopback(request.client.host)
