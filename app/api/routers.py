"""The routes, in the order of traffic: each route that is tried before the one that fits costs time.

One row for each: methods, path, endpoint. `describe.py` documents the same rows; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api import delete, health, retrieve, search, store, unsupported

Endpoint = Callable[[Request], Awaitable[Response]]

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
READ = ("GET", "HEAD")

DICOMWEB: tuple[tuple[tuple[str, ...], str, Endpoint], ...] = (
    (READ, INSTANCE + "/frames/{frames}", retrieve.get_frames),
    (READ, SERIES + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE, retrieve.get_instances),
    (READ, "/studies", search.search_studies),
    (READ, STUDY + "/series", search.search_series),
    (READ, STUDY + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE + "/metadata", retrieve.get_metadata),
    (READ, SERIES + "/instances", search.search_instances),
    (READ, INSTANCE + "/bulkdata/{path:path}", retrieve.get_bulkdata),
    (READ, INSTANCE + "/bulkdata", retrieve.get_all_bulkdata),
    (READ, SERIES, retrieve.get_instances),
    (READ, STUDY, retrieve.get_instances),
    (READ, "/series", search.search_series),
    (READ, "/instances", search.search_instances),
    (READ, STUDY + "/instances", search.search_instances),
    (("POST",), "/studies", store.store_instances),
    (("POST",), STUDY, store.store_instances),
    (("DELETE",), STUDY, delete.delete_resource),
    (("DELETE",), SERIES, delete.delete_resource),
    (("DELETE",), INSTANCE, delete.delete_resource),
)
"""Paths relative to the base URL of the service."""

UNSUPPORTED: tuple[tuple[tuple[str, ...], str, Endpoint], ...] = (
    *(
        (READ, place + resource, unsupported.not_supported)
        for place in (STUDY, SERIES, INSTANCE)
        for resource in ("/rendered", "/thumbnail", "/pixeldata", "/renderedMPR", "/rendered3D")
    ),
    *((READ, INSTANCE + "/frames/{frames}" + resource, unsupported.not_supported) for resource in ("/rendered", "/thumbnail")),
    *((READ, place + "/bulkdata", unsupported.not_supported) for place in (STUDY, SERIES)),
)
"""Resources of the standard that are not there yet."""

OPERATIONAL: tuple[tuple[tuple[str, ...], str, Endpoint], ...] = (
    (READ, "/health/live", health.live),
    (READ, "/health/ready", health.ready),
    (READ, "/version", health.version),
)
"""Paths at the root of the server."""


def dicomweb_router() -> APIRouter:
    return _router(DICOMWEB + UNSUPPORTED)


def operational_router() -> APIRouter:
    return _router(OPERATIONAL)


def _router(routes: tuple[tuple[tuple[str, ...], str, Endpoint], ...]) -> APIRouter:
    # Endpoints take a Request alone: FastAPI's signature analysis and validation would double the cost of a small answer.
    router = APIRouter()
    for methods, path, endpoint in routes:
        router.add_api_route(path, endpoint, methods=list(methods), response_model=None, include_in_schema=False)
    return router
