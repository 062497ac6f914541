"""The routes, in the order of traffic: each route that is tried before the one that fits costs time.

One row for each: methods, path, endpoint. `dicomweb/transactions.py` describes the same rows; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api import capabilities, delete, health, negotiation, retrieve, search, store, unsupported, wado_uri
from app.dicomweb.resources import INSTANCE, SERIES, STUDY
from app.dicomweb.transactions import TRANSACTIONS

Endpoint = Callable[[Request], Awaitable[Response]]
Routes = tuple[tuple[tuple[str, ...], str, Endpoint], ...]

READ = ("GET", "HEAD")

DICOMWEB: Routes = (
    (READ, INSTANCE + "/frames/{frames}", retrieve.get_frames),
    (READ, SERIES + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE, retrieve.get_instances),
    (READ, "/studies", search.search_studies),
    (READ, STUDY + "/series", search.search_series),
    (READ, STUDY + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE + "/metadata", retrieve.get_metadata),
    (READ, SERIES + "/instances", search.search_instances),
    (READ, INSTANCE + "/bulkdata/{path:path}", retrieve.get_bulkdata),
    (READ, "/wado", wado_uri.get_object),
    *((READ, place + "/bulkdata", retrieve.get_all_bulkdata) for place in (STUDY, SERIES, INSTANCE)),
    *((READ, place + "/pixeldata", retrieve.get_pixel_data) for place in (STUDY, SERIES, INSTANCE)),
    (READ, SERIES, retrieve.get_instances),
    (READ, STUDY, retrieve.get_instances),
    (READ, "/series", search.search_series),
    (READ, "/instances", search.search_instances),
    (READ, STUDY + "/instances", search.search_instances),
    (READ, "/patients", search.search_patients),
    (("POST",), "/studies", store.store_instances),
    (("POST",), STUDY, store.store_instances),
    (("DELETE",), STUDY, delete.delete_resource),
    (("DELETE",), SERIES, delete.delete_resource),
    (("DELETE",), INSTANCE, delete.delete_resource),
    (READ, "", wado_uri.get_object),
    (("OPTIONS",), "", capabilities.retrieve_capabilities),
    (READ, "/debug/negotiate", negotiation.explain_choice),
)
"""Paths relative to the base URL of the service."""

UNSUPPORTED: Routes = tuple((READ, row.path, unsupported.not_supported) for row in TRANSACTIONS if row.missing)
"""Resources of the standard that are not there yet."""

OPERATIONAL: Routes = (
    (READ, "/health/live", health.live),
    (READ, "/health/ready", health.ready),
    (READ, "/version", health.version),
)
"""Paths at the root of the server."""


def dicomweb_router(base_path: str) -> APIRouter:
    """The service under its base path, which is empty for a service at the root of the server."""
    return _router(DICOMWEB + UNSUPPORTED, base_path)


def operational_router() -> APIRouter:
    return _router(OPERATIONAL)


def _router(routes: Routes, base_path: str = "") -> APIRouter:
    # Endpoints take a Request alone: FastAPI's signature analysis and validation would double the cost of a small answer.
    router = APIRouter()
    for methods, path, endpoint in routes:
        router.add_api_route((base_path + path) or "/", endpoint, methods=list(methods), response_model=None, include_in_schema=False)
    return router
