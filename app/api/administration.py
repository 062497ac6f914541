"""`/admin/keys`: API keys, for those who may administer. JSON both ways; a key's text is in the answer to its making and nowhere else."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.request import admit
from app.credentials import ApiKey
from app.errors import BadRequest, TooLarge
from app.model import Action
from app.studies.administration import Wish, create_key, list_keys, revoke_key

PATH = "/admin/keys"
NO_STORE = {"Cache-Control": "no-store"}
LONGEST = 16 * 1024
EXAMPLE = '{"subject": "ct1", "scopes": ["system/ImagingStudy.c"], "days": 365}'


async def get_keys(request: Request) -> Response:
    context = await admit(request)
    return JSONResponse({"keys": [_told(key) for key in await list_keys(context.archive, context.caller)]}, headers=NO_STORE)


async def post_key(request: Request) -> Response:
    context = await admit(request)
    await context.archive.policy.grant(context.caller, Action.ADMINISTER)  # before anything is said of the body
    text, key = await create_key(context.archive, context.caller, _wish(await json_object(request, EXAMPLE)))
    return JSONResponse({"key": text, **_told(key)}, 201, headers=NO_STORE)


async def delete_key(request: Request) -> Response:
    context = await admit(request)
    await revoke_key(context.archive, context.caller, request.path_params["prefix"])
    return Response(None, 204)


async def json_object(request: Request, example: str) -> dict[str, Any]:
    """The body. BadRequest, TooLarge."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            raise TooLarge(f"The body is longer than {LONGEST} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest(f"The body has to be a JSON object such as {example}")
    return found


def _wish(body: dict[str, Any]) -> Wish:
    subject, days = body.get("subject"), body.get("days", 365)
    lists = [body.get(name, []) for name in ("scopes", "roles")]
    right = isinstance(subject, str) and all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists)
    if not right or not (days is None or (isinstance(days, int | float) and not isinstance(days, bool))):
        raise BadRequest("subject has to be a text, scopes and roles lists of texts, days a number or null")
    return Wish(str(subject), frozenset(lists[0]), frozenset(lists[1]), days)


def _told(key: ApiKey) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in ("created", "expires", "used", "revoked")}
    return {"prefix": key.prefix, "subject": key.subject, "scopes": sorted(key.scopes), "roles": sorted(key.roles), **times}
