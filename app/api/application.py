"""The FastAPI application around the routers: errors, the gate, CORS. `main.py` gives it a Service when it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from app.api import describe
from app.api.direct import Application
from app.api.metered import Metered
from app.api.middleware import Gate
from app.api.ohif import Ohif
from app.api.pages import add_pages
from app.api.problems import on_dicomweb_error, on_http_error
from app.api.routers import dicomweb_router, operational_router, page_router
from app.api.traced import Traced
from app.errors import DicomwebError
from app.meter import Meter, NoMeter, Tracer

PREFLIGHT_SECONDS = 7200
REQUEST_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Range",
    "X-Request-Id",
    "traceparent",
)
ANSWER_HEADERS = (
    "Accept-Ranges",
    "Content-Digest",
    "Content-Disposition",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Link",
    "Location",
    "Repr-Digest",
    "Retry-After",
    "WWW-Authenticate",
    "Warning",
    "X-Request-Id",
    "X-Total-Count",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the HTTP side is told when it is built. `hosts` empty: any Host is answered; `origins`: of viewers served from elsewhere;
    `ohif`: the one that is served from here; `hsts_seconds`: for how long browsers shall come by https only;
    `sessions`: whether there are cookies by which somebody is known; `meter` counts requests,
    `tracer` traces them."""

    base_path: str = "/dicom-web"
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    ohif: Ohif = field(default_factory=Ohif)
    hsts_seconds: int = 0
    sessions: bool = False
    meter: Meter = field(default_factory=NoMeter)
    tracer: Tracer | None = None


def application(surroundings: Surroundings, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]) -> FastAPI:
    """The application; `lifespan` puts a `request.Service` into `app.state.service`."""
    app = Application(
        title="Radiolucent", docs_url=None, redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False, lifespan=lifespan
    )
    routers = dicomweb_router(surroundings.base_path), operational_router(), page_router()
    for router in routers:
        app.router.routes.extend(router.routes)
    app.state.ohif = surroundings.ohif
    app.state.routes = [route for router in routers for route in router.routes]
    add_pages(app)
    app.add_exception_handler(DicomwebError, on_dicomweb_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_middleware(Gate, hosts=surroundings.hosts, origins=surroundings.origins, hsts_seconds=surroundings.hsts_seconds)
    if surroundings.origins:
        # The outermost layer: a browser hides the reason of an error answer that lacks these headers.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(surroundings.origins),
            allow_credentials=surroundings.sessions,  # the origins are listed one by one: a session's cookie may come from them
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

    if not isinstance(surroundings.meter, NoMeter):
        app.add_middleware(Metered, meter=surroundings.meter)

    if surroundings.tracer is not None:
        app.add_middleware(Traced, tracer=surroundings.tracer)

    def openapi() -> dict[str, Any]:
        return describe.document(surroundings.base_path)

    app.openapi = openapi  # type: ignore[method-assign]
    return app
