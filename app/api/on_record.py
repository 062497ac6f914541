"""Refusals on record: what is refused before a transaction's own frame (`studies.audited`) begins leaves an audit record as well.

Nobody known by the credential, an address or a query that cannot be parsed, a resource that is not there yet, a failure nobody foresaw: one
record, with the action of the route, the UIDs of the path that are valid, and the name of the error. One place for all routes.
"""

from __future__ import annotations

import asyncio
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from app.api.direct import Endpoint
from app.api.request import CALLER, REQUEST_ID, Service, address
from app.dicomweb import resources
from app.errors import DicomwebError, InvalidTarget
from app.model import Action, AuditEntry, Caller, Target
from app.studies.audited import FRAME, Frame

UNKNOWN = "unknown"
"""The kind of a caller whom no credential names."""

SEARCHED = frozenset({"studies", "series", "instances", "patients", "changes", "latest"})
MOST_QUERY = 4096
"""Characters of a refused query that are kept: of one that is too long the beginning tells enough."""


def on_record(action: Action, endpoint: Endpoint, resource: str) -> Endpoint:
    """The endpoint, which leaves a record also where its transaction has not begun. `resource` is the route's template, without values."""

    @wraps(endpoint)
    async def recorded(request: Request) -> Response:
        frame = Frame()
        token = FRAME.set(frame)
        try:
            return await endpoint(request)
        except BaseException as error:
            if not frame.recorded:
                await _record(request, action, resource, error)
            raise
        finally:
            FRAME.reset(token)

    return recorded


def action_of(method: str, path: str) -> Action:
    """What a request for this route is about, as far as method and template tell."""
    if method == "PUT" or path.endswith("/labels/{label}"):
        return Action.UPDATE
    if method in {"POST", "DELETE"}:
        return Action.STORE if method == "POST" else Action.DELETE
    return Action.SEARCH if path.rsplit("/", 1)[-1] in SEARCHED else Action.RETRIEVE


async def _record(request: Request, action: Action, resource: str, error: BaseException) -> None:
    service: Service = request.app.state.service
    caller = request.scope.get(CALLER) or Caller("", UNKNOWN, address(request), request.scope.get(REQUEST_ID, ""))
    detail: dict[str, object] = {"resource": resource}
    if action is Action.SEARCH:
        detail["query"] = request.scope["query_string"].decode("latin-1")[:MOST_QUERY]
    await service.archive.audit.record(AuditEntry(caller, action, _target(request), outcome_of(error), detail))


def outcome_of(error: BaseException) -> str:
    """As the frame itself names it."""
    if isinstance(error, DicomwebError):
        return type(error).__name__
    return "Cancelled" if isinstance(error, asyncio.CancelledError) else "Failed"


def _target(request: Request) -> Target:
    """As deep as the UIDs of the path are valid: text that is none could be anything, a patient's name as well."""
    path = request.path_params
    levels = [path.get(name) for name in ("study", "series", "instance")]
    for known in range(3, 0, -1):
        try:
            return resources.parse_target(*levels[:known])
        except InvalidTarget:
            continue
    return Target()
