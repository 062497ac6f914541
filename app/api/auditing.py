"""`/admin/audit`: the audit trail, for those who may review it. JSON, or FHIR R4 AuditEvents in a Bundle; page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.administration import NO_STORE
from app.api.request import admit, query_items, root_url
from app.dicomweb import resources
from app.dicomweb.operational import AUDIT, FHIR_JSON
from app.dicomweb.times import instant, moment
from app.errors import InvalidQuery
from app.model import Action, JsonObject
from app.records import Question
from app.studies.review import review, whom

PATH = "/admin/audit"
LONGEST_QUERY = 8192
USUAL, MOST = 100, 1000


async def get_audit(request: Request) -> Response:
    context = await admit(request)
    await context.archive.policy.grant(context.caller, Action.REVIEW)  # before anything is said of the query
    asked = single(query_items(request, LONGEST_QUERY), AUDIT)
    portion = await review(context.archive, context.caller, _question(asked), asked.pop("cursor", ""), _limit(asked.get("limit", "")))
    link = ""
    if portion.cursor:
        link = f"{root_url(request, request.app.state.service)}{PATH}?{urlencode({**asked, 'cursor': portion.cursor})}"
    headers = NO_STORE | ({"Link": f'<{link}>; rel="next"'} if link else {})
    if FHIR_JSON in request.headers.get("accept", ""):
        entries = context.archive.trail.events(portion.records)
        bundle: JsonObject = {"resourceType": "Bundle", "type": "collection"}
        if link:
            bundle["link"] = [{"relation": "next", "url": link}]
        if entries:
            bundle["entry"] = entries
        return Response(json.dumps(bundle), media_type=FHIR_JSON, headers=headers)
    return JSONResponse({"records": portion.records, "cursor": portion.cursor or None}, headers=headers)


def single(items: Sequence[tuple[str, str]], known: Sequence[str], repeated: Sequence[str] = ()) -> dict[str, str]:
    """Parameters that stand once, each; without those that are empty. InvalidQuery."""
    found: dict[str, str] = {}
    for name, value in items:
        if name not in known:
            raise InvalidQuery(f"There is no parameter {name[:64]!r} here; there are {', '.join(known)}")
        if name in repeated:
            continue
        if name in found:
            raise InvalidQuery(f"{name} stands twice")
        found[name] = value.strip()
    return {name: value for name, value in found.items() if value}


def action_named(text: str) -> Action:
    """InvalidQuery."""
    try:
        return Action(text)
    except ValueError:
        raise InvalidQuery(f"action has to be one of {', '.join(action.value for action in Action)}") from None


def seconds(name: str, text: str) -> float:
    """A date, or a date and time, as seconds since 1970; without a zone it is UTC. InvalidQuery."""
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise InvalidQuery(f"{name} has to be a time such as 2026-01-31 or 2026-01-31T08:00Z") from None


def _question(asked: Mapping[str, Any]) -> Question:
    if asked.get("issuer") and not asked.get("patient"):
        raise InvalidQuery("issuer goes with patient")
    times = {name: moment(seconds(name, asked[name])) for name in ("since", "until") if name in asked}
    return Question(
        patient=whom(asked.get("patient", ""), asked.get("issuer", "")),
        study=str(resources.parse_target(asked["studyUID"]).study) if "studyUID" in asked else "",
        subject=asked.get("subject", ""),
        action=action_named(asked["action"]).value if "action" in asked else "",
        outcome=asked.get("outcome", ""),
        **times,
    )


def _limit(text: str) -> int:
    if not text:
        return USUAL
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MOST):
        raise InvalidQuery(f"limit has to be 1 to {MOST}")
    return int(text)
