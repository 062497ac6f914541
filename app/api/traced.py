"""The layer round all routes that traces requests, where a site gathers traces. Plain ASGI."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.direct import ROUTE
from app.api.metered import GIVEN_UP, METHODS, NO_ROUTE
from app.api.request import REQUEST_ID
from app.meter import Tracer

CONTEXT = ("traceparent", "tracestate")


class Traced:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self.app = app
        self.tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = GIVEN_UP

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        headers = Headers(scope=scope)
        context = {name: headers[name] for name in CONTEXT if name in headers}
        with self.tracer.request(scope["method"] if scope["method"] in METHODS else "other", context) as finish:
            try:
                await self.app(scope, receive, send_seen)
            finally:
                finish(scope.get(ROUTE, NO_ROUTE), status, scope.get(REQUEST_ID, ""))
