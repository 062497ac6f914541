"""The one renderer of errors: RFC 9457 problem documents with a stable code, the clause, what is on offer, and the request id."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.request import REQUEST_ID
from app.errors import DicomwebError, Unauthorized, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"


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
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such path, method not allowed."""
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    sentences = {
        404: "There is no such resource in this service; PS3.18 10.1 lists what there can be",
        405: "This resource does not take that method; the Allow header names those it takes",
    }
    detail = sentences.get(error.status_code, title)
    code = title.lower().replace(" ", "-")
    response = problem(error.status_code, title, detail, code=code, request_id=request.scope.get(REQUEST_ID, ""))
    response.headers.update(dict(error.headers or {}))
    return response


def internal_problem(request_id: str) -> Response:
    """For what nobody foresaw: says nothing but the request id, under which the log tells more."""
    detail = "The server failed on this request. Its log has an entry under this request id"
    return problem(500, "Internal error", detail, code="internal-error", request_id=request_id)
