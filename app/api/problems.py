"""The one renderer of errors: RFC 9457 problem documents with a stable code, the clause, what is on offer, and the request id."""

from __future__ import annotations

import json
import logging
import re
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from app.api.challenge import challenges
from app.api.request import REQUEST_ID
from app.dicomweb import ranges
from app.errors import Corrupt, DicomwebError, Forbidden, RangeNotSatisfiable, TooMany, Unauthorized, Unavailable

log = logging.getLogger("radiolucent")
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
SENTENCES = {
    404: "There is no such resource in this service; PS3.18 10.1 lists what there can be",
    405: "This resource does not take that method; the Allow header names those it takes",
}


def problem(
    status: int, title: str, detail: str, *, code: str, request_id: str, clause: str = "", offers: tuple[str, ...] = ()
) -> Response:
    """A problem document. `code` never changes for a kind of error; `detail` is for people."""
    document: dict[str, object] = {
        "type": f"urn:radiolucent:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }
    if clause:
        document["clause"] = clause
    if offers:
        document["offers"] = list(offers)
    return Response(json.dumps(document), status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def code_of(error: DicomwebError) -> str:
    """`NotAcceptable` -> `not-acceptable`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()


async def on_dicomweb_error(request: Request, error: Exception) -> Response:
    """Every error of our own tree."""
    if not isinstance(error, DicomwebError):
        raise error
    response = problem(
        error.status,
        error.title,
        error.detail,
        code=code_of(error),
        request_id=request.scope.get(REQUEST_ID, ""),
        clause=error.clause,
        offers=error.offers,
    )
    if isinstance(error, Corrupt):
        log.error("request %s found damaged data: %s", request.scope.get(REQUEST_ID, ""), code_of(error))
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.seconds)
    if isinstance(error, Unauthorized | Forbidden):
        for challenge in challenges(request, error):
            response.headers.append("WWW-Authenticate", challenge)
    if isinstance(error, RangeNotSatisfiable):
        response.headers["Content-Range"] = ranges.unsatisfied(error.length)
    return response


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such path, method not allowed."""
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    detail = sentence(error)
    code = title.lower().replace(" ", "-")
    response = problem(error.status_code, title, detail, code=code, request_id=request.scope.get(REQUEST_ID, ""))
    response.headers.update(dict(error.headers or {}))
    if error.status_code == 405 and (methods := _methods(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def sentence(error: HTTPException) -> str:
    """What a refusal of the router means."""
    return SENTENCES.get(error.status_code, HTTPStatus(error.status_code).phrase)


def _methods(request: Request) -> list[str]:
    """All that the resource takes (RFC 9110 15.5.6): the router names those of one route only."""
    routes: list[BaseRoute] = request.app.state.routes
    fitting = (route for route in routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in fitting for method in route.methods or ()})


def internal_problem(request_id: str) -> Response:
    """For what nobody foresaw: says nothing but the request id, under which the log tells more."""
    detail = "The server failed on this request. Its log has an entry under this request id"
    return problem(500, "Internal error", detail, code="internal-error", request_id=request_id)
