"""The six search resources (PS3.18 10.6): `/studies`, `/series`, `/instances` and those under a study or a series."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import Context, admit, query_items, wanted
from app.api.responses import REVALIDATE, VARY, json_body, warning
from app.dicomweb import query, resources
from app.model import Level
from app.studies.search import search


async def search_studies(request: Request) -> Response:
    return await _search(request, Level.STUDY)


async def search_series(request: Request) -> Response:
    return await _search(request, Level.SERIES)


async def search_instances(request: Request) -> Response:
    return await _search(request, Level.INSTANCE)


async def _search(request: Request, level: Level) -> Response:
    context: Context = await admit(request)
    limits = context.archive.limits
    path = request.path_params
    target = resources.parse_target(path.get("study"), path.get("series"))
    parsed = query.parse(query_items(request, limits.query_bytes), level=level, target=target, wildcards=limits.wildcards)
    text = request.scope["query_string"].decode("latin-1")
    answer = await search(context.archive, context.caller, parsed, wanted(request), base=context.base, text=text)
    headers = {"Cache-Control": REVALIDATE, "Vary": VARY}
    if answer.warnings:
        headers["Warning"] = ", ".join(warning(sentence) for sentence in answer.warnings)
    return json_body(request, answer.body, headers)
