"""Routes without anything between the router and the endpoint, and the stack of middleware that they need.

FastAPI's own route analyses signatures, opens exit stacks and wraps every answer twice: half of what a frame costs. Our endpoints take a
Request and return a Response (house rule 7), so none of that has anything to do; what remains is one place that turns errors into answers,
Starlette's ExceptionMiddleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

ROUTE = "radiolucent.route"
"""Under this key of the ASGI scope stands the template of the route that was taken: what names a request without naming anybody."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Direct(Route):
    """A route that calls its endpoint with the Request and sends what it returns."""

    def __init__(self, path: str, endpoint: Endpoint, methods: tuple[str, ...]) -> None:
        super().__init__(path, endpoint, methods=list(methods), include_in_schema=False)
        self.app = _plain(endpoint, path)


def _plain(endpoint: Endpoint, path: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ROUTE] = path
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


class Application(FastAPI):
    """FastAPI with our own middleware only: the gate has the last catch, and no endpoint uses what FastAPI would wrap round it."""

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = ExceptionMiddleware(self.router, handlers=dict(self.exception_handlers))
        for cls, args, kwargs in reversed(self.user_middleware):
            app = cls(app, *args, **kwargs)
        return app
