"""`GET /debug/negotiate?resource=…`: what this server would choose for a request, and why (PS3.18 8.7.8).

It sends the very request to itself, as HEAD, with the headers of the asker, and reports the choices that were made on the way: so it can
never say other than what happens. An extension; the transaction is recorded in the audit trail like any other.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from app.api.problems import sentence
from app.api.request import WEIGHED, admit
from app.dicomweb.media_types import parse_accept
from app.dicomweb.negotiate import Candidate, describe
from app.errors import DicomwebError, InvalidQuery
from app.studies.answers import Weighed

ITSELF = "/debug/negotiate"
OF_THIS_REQUEST = frozenset({"path_params", "endpoint", "route", "state", "starlette.exception_handlers"})
"""Keys of the scope that the request to itself does not get. Without handlers a refusal comes back as the error that it is."""


async def explain_choice(request: Request) -> Response:
    """The media ranges as understood, what was on offer, what is acceptable in which order, and the status of the answer."""
    await admit(request)
    resource = request.query_params.get("resource", "")
    if not resource.startswith("/") or resource.startswith(ITSELF):
        raise InvalidQuery("Name a resource below the base URL: resource=/studies/1.2/series/1.3/instances/1.4", clause="PS3.18 8.7.8")
    weighed: list[Weighed] = []
    status, detail = await _ask(request, resource, weighed)
    accept, parameter = request.headers.get("accept"), request.query_params.get("accept")
    return JSONResponse(
        {
            "resource": resource,
            "accept": _ranges(accept),
            "accept_parameter": _ranges(parameter),
            "choices": [_choice(item) for item in weighed],
            "status": status,
            **({"detail": detail} if detail else {}),
        }
    )


async def _ask(request: Request, resource: str, weighed: list[Weighed]) -> tuple[int, str]:
    """Status of the answer that the resource would give, and the sentence of a refusal."""
    path, _, query = resource.partition("?")
    parameter = request.query_params.get("accept")
    if parameter is not None:
        query = f"{query}&accept={parameter}" if query else f"accept={parameter}"
    whole = request.app.state.service.base_path + unquote(path)
    scope = {key: value for key, value in request.scope.items() if key not in OF_THIS_REQUEST}
    scope |= {"method": "HEAD", "path": whole, "raw_path": whole.encode(), "query_string": query.encode(), WEIGHED: weighed}
    statuses: list[int] = []

    async def keep_status(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    try:
        await request.app.router(scope, request.receive, keep_status)
    except DicomwebError as error:
        return error.status, error.detail
    except HTTPException as error:
        return error.status_code, sentence(error)
    return statuses[0], ""


def _ranges(text: str | None) -> list[dict[str, Any]]:
    """The media ranges of a header or parameter, best first, as this server understands them."""
    return [
        {
            "media_type": item.essence,
            "multipart": item.multipart,
            "transfer_syntax": item.transfer_syntax,
            "q": item.q,
        }
        for item in (parse_accept(text) if text else ())
    ]


def _choice(weighed: Weighed) -> dict[str, Any]:
    return {
        "offers": [describe(offer) for offer in weighed.offers],
        "acceptable": [_reason(candidate) for candidate in weighed.candidates],
        "selected": describe(weighed.candidates[0].offer) if weighed.candidates else None,
    }


def _reason(candidate: Candidate) -> dict[str, Any]:
    return {
        "offer": describe(candidate.offer),
        "asked_for_by": candidate.source,
        "media_type": candidate.media_range.essence,
        "q": candidate.media_range.q,
    }
