"""`/admin/policy/explain`: what a caller may, and by which rule; for those who may administer. By query, or by a JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.administration import NO_STORE, json_object
from app.api.auditing import LONGEST_QUERY, action_named, seconds, single
from app.api.request import admit, query_items
from app.dicomweb import resources
from app.dicomweb.operational import EXPLAIN
from app.errors import BadRequest, InvalidQuery
from app.model import Action, Caller, Selection
from app.reasons import Explanation
from app.studies.explaining import OfStudy, explain

PATH = "/admin/policy/explain"
REPEATED = ("role", "scope", "purpose")
CREDENTIALS = ("token", "key", "certificate")
EXAMPLE = '{"subject": "ann", "role": ["reader"], "studyUID": "1.2.3"}'
MOST, LONGEST = 64, 256


async def get_explanation(request: Request) -> Response:
    """By GET and by POST, which keeps what is asked out of logs."""
    context = await admit(request)
    await context.archive.policy.grant(context.caller, Action.ADMINISTER)  # before anything is said of the request
    items = _items(await json_object(request, EXAMPLE)) if request.method == "POST" else query_items(request, LONGEST_QUERY)
    if len(items) > MOST or any(len(value) > LONGEST for _, value in items):
        raise BadRequest(f"There can be {MOST} parameters of {LONGEST} characters")
    asked = single(items, EXPLAIN, REPEATED)
    sets = {name: frozenset(value for key, value in items if key == name and value) for name in REPEATED}
    actions = [action_named(asked["action"])] if "action" in asked else [action for action in Action if action is not Action.SIGN_IN]
    at = seconds("at", asked["at"]) if "at" in asked else None
    study = resources.parse_target(asked["studyUID"]).study if "studyUID" in asked else None
    told = await explain(context.archive, context.caller, _about(asked, sets), actions, at, study)
    return JSONResponse({"actions": {action.value: _told(*each) for action, each in told.items()}}, headers=NO_STORE)


def _items(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """As a query would have them."""
    found = []
    for name, value in body.items():
        values = value if isinstance(value, list) and name in REPEATED else [value]
        if not all(isinstance(each, str) for each in values):
            raise BadRequest(f"{name[:64]}: all values are texts, lists of them for {', '.join(REPEATED)}")
        found += [(name, each) for each in values]
    return found


def _about(asked: Mapping[str, str], sets: Mapping[str, frozenset[str]]) -> Caller:
    kind = asked.get("credential", CREDENTIALS[0])
    if kind not in CREDENTIALS:
        raise InvalidQuery(f"credential has to be one of {', '.join(CREDENTIALS)}")
    patient = (asked.get("patientIssuer", ""), asked["patient"]) if "patient" in asked else None
    return Caller(
        asked.get("subject", "somebody"),
        kind,
        asked.get("address", "127.0.0.1"),
        issuer=asked.get("issuer", ""),
        organisation=asked.get("organisation", ""),
        scopes=sets["scope"],
        roles=sets["role"],
        purposes=sets["purpose"],
        patient=patient,
    )


def _told(explanation: Explanation, study: OfStudy | None) -> dict[str, Any]:
    access = explanation.access
    told: dict[str, Any] = {
        "may": access is not None if study is None else study.covered,
        "scopes": explanation.scopes,
        "rules": [
            {"rule": each.rule, "effect": "permit" if each.permits else "deny", "applies": each.applies, "why": each.why or None}
            for each in explanation.verdicts
        ],
        "refusal": explanation.refusal or None,
    }
    if access is not None:
        told["permitted"] = None if access.permitted is None else _selected(access.permitted)
        told |= {"within": _selected(access.within), "denied": _selected(access.denied)}
    if study is not None:
        told["study"] = {"there": study.there, "rules": list(study.rules)}
    return told


def _selected(selections: Sequence[Selection]) -> list[dict[str, str]]:
    return [dict(selection.terms) for selection in selections]
