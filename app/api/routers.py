"""The routes, in the order of traffic: each route that is tried before the one that fits costs time.

One row for each: methods, path, endpoint. `dicomweb/transactions.py` describes the same rows; a test compares the two.
"""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    administration,
    auditing,
    capabilities,
    changes,
    console,
    delete,
    explaining,
    health,
    labels,
    metered,
    negotiation,
    ohif,
    rendered,
    retrieve,
    search,
    session,
    sign_in,
    store,
    unsupported,
    volume,
    wado_uri,
    well_known,
)
from app.api.direct import Direct, Endpoint
from app.api.on_record import action_of, on_record
from app.dicomweb.resources import FRAMES, INSTANCE, RENDERED_3D, RENDERED_MPR, SERIES, STUDY
from app.dicomweb.transactions import TRANSACTIONS
from app.model import Action

Routes = tuple[tuple[tuple[str, ...], str, Endpoint], ...]

READ = ("GET", "HEAD")
EVERY_PLACE = (SERIES, INSTANCE, FRAMES, STUDY)

DICOMWEB: Routes = (
    (READ, FRAMES, retrieve.get_frames),
    (READ, SERIES + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE, retrieve.get_instances),
    (READ, "/studies", search.search_studies),
    (READ, STUDY + "/series", search.search_series),
    (READ, STUDY + "/metadata", retrieve.get_metadata),
    (READ, INSTANCE + "/metadata", retrieve.get_metadata),
    (READ, SERIES + "/instances", search.search_instances),
    (READ, INSTANCE + "/bulkdata/{path:path}", retrieve.get_bulkdata),
    *((READ, place + "/thumbnail", rendered.get_thumbnail) for place in (SERIES, INSTANCE, FRAMES, STUDY)),
    *((READ, place + "/rendered", rendered.get_rendered) for place in (INSTANCE, FRAMES, SERIES, STUDY)),
    *((READ, f"{place}/{RENDERED_MPR}", volume.get_rendered_mpr) for place in EVERY_PLACE),
    *((READ, f"{place}/{RENDERED_3D}", volume.get_rendered_3d) for place in EVERY_PLACE),
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
    (READ, STUDY + "/labels", labels.get_labels),
    (("PUT",), STUDY + "/labels/{label}", labels.put),
    (("DELETE",), STUDY + "/labels/{label}", labels.remove),
    (READ, "", wado_uri.get_object),
    (("OPTIONS",), "", capabilities.retrieve_capabilities),
    (READ, "/debug/negotiate", negotiation.explain_choice),
    (READ, "/changes", changes.get_changes),
    (READ, "/changes/latest", changes.get_latest_change),
)
"""Paths relative to the base URL of the service."""

SPELLED_OTHERWISE: Routes = (
    *((READ, f"{place}/{RENDERED_MPR.lower()}", volume.get_rendered_mpr) for place in EVERY_PLACE),
    *((READ, f"{place}/{RENDERED_3D.lower()}", volume.get_rendered_3d) for place in EVERY_PLACE),
)
"""As the examples of PS3.18 B.33 and B.34 write them."""

UNSUPPORTED: Routes = tuple((READ, row.path, unsupported.not_supported) for row in TRANSACTIONS if row.missing)
"""Resources of the standard that are not there yet."""

SESSIONS: Routes = (
    (READ, session.PATH, session.who_am_i),
    (("POST",), session.PATH, session.begin),
    (("DELETE",), session.PATH, session.end),
    (READ, well_known.SIGN_IN, sign_in.begin),
    (READ, sign_in.CALLBACK, sign_in.finish),
)
"""By which people come in: what is refused here is on record, too."""

OPERATIONAL: Routes = (
    (READ, "/health/live", health.live),
    (READ, "/health/ready", health.ready),
    (READ, "/version", health.version),
    (READ, metered.PATH, metered.metrics),
    *SESSIONS,
    (READ, well_known.RESOURCE, well_known.protected_resource),
    (READ, well_known.RESOURCE + "/{root:path}", well_known.protected_resource),
    (READ, well_known.SMART, well_known.smart_configuration),
)
"""Paths at the root of the server."""

ADMINISTRATION: Routes = (
    (READ, administration.PATH, administration.get_keys),
    (("POST",), administration.PATH, administration.post_key),
    (("DELETE",), administration.PATH + "/{prefix}", administration.delete_key),
    (READ, explaining.PATH, explaining.get_explanation),
    (("POST",), explaining.PATH, explaining.get_explanation),
)
"""The same; for those who may administer."""

REVIEW: Routes = ((READ, auditing.PATH, auditing.get_audit),)
"""For those who may review the audit trail."""

PAGES: Routes = (
    (READ, "", console.front),
    (READ, console.PATH + "/{version}/{name}", console.asset),
    (READ, ohif.PATH, ohif.page),
    (READ, ohif.PATH + "/app-config.js", ohif.configuration),
    (READ, ohif.PATH + "/{path:path}", ohif.page),
    (READ, "/iid", ohif.invoke),
)
"""For people and their browsers: these files hold nothing of anybody, so nobody is asked who he is."""


def dicomweb_router(base_path: str) -> APIRouter:
    """The service under its base path; empty for a service at the root of the server, where the console comes first and hands on."""
    rows = DICOMWEB if base_path else tuple(row for row in DICOMWEB if row[:2] != (READ, ""))
    return _router(_on_record(rows + SPELLED_OTHERWISE + UNSUPPORTED), base_path)


def operational_router() -> APIRouter:
    plain = tuple(row for row in OPERATIONAL if row not in SESSIONS)
    return _router(
        plain + _on_record(SESSIONS, Action.SIGN_IN) + _on_record(ADMINISTRATION, Action.ADMINISTER) + _on_record(REVIEW, Action.REVIEW)
    )


def page_router() -> APIRouter:
    return _router(PAGES)


def _on_record(routes: Routes, action: Action | None = None) -> Routes:
    return tuple((methods, path, on_record(action or action_of(methods[0], path), endpoint, path)) for methods, path, endpoint in routes)


def _router(routes: Routes, base_path: str = "") -> APIRouter:
    router = APIRouter()
    router.routes.extend(Direct((base_path + path) or "/", endpoint, methods) for methods, path, endpoint in routes)
    return router
