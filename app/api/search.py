"""The six search resources (PS3.18 10.6): `/studies`, `/series`, `/instances` and those under a study or a series; and `/patients`.

A page that is not the last one links to the next (RFC 8288), by a cursor that neither skips nor repeats when studies come in meanwhile.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import Context, admit, query_items, wanted
from app.api.responses import REVALIDATE, VARY, json_body, warning
from app.dicomweb import query, resources
from app.model import Level
from app.studies.search import search

LINK_CHARACTERS = 4096
"""A longer address is not linked to: proxies refuse answers with long heads. Such a search, of thousands of UIDs, goes on by offset."""


async def search_studies(request: Request) -> Response:
    return await _search(request, Level.STUDY)


async def search_series(request: Request) -> Response:
    return await _search(request, Level.SERIES)


async def search_instances(request: Request) -> Response:
    return await _search(request, Level.INSTANCE)


async def search_patients(request: Request) -> Response:
    return await _search(request, Level.STUDY, by_patient=True)


async def _search(request: Request, level: Level, *, by_patient: bool = False) -> Response:
    context: Context = await admit(request)
    limits = context.archive.limits
    path = request.path_params
    target = resources.parse_target(path.get("study"), path.get("series"))
    parsed = query.parse(
        query_items(request, limits.query_bytes),
        level=level,
        target=target,
        wildcards=limits.wildcards,
        uids=limits.query_uids,
        keys=limits.query_keys,
        fields=limits.query_fields,
        characters=limits.query_bytes,
        site=context.archive.site_keys,
        by_patient=by_patient,
    )
    text = request.scope["query_string"].decode("latin-1")
    answer = await search(context.archive, context.caller, parsed, wanted(request), base=context.base, text=text)
    headers = {"Content-Type": answer.content_type, "Cache-Control": REVALIDATE, "Vary": VARY}
    following = _next_page(request, parsed, context.base, answer.cursor) if answer.cursor else ""
    if 0 < len(following) <= LINK_CHARACTERS:
        headers["Link"] = f'<{following}>; rel="next"'
    if answer.total is not None:
        headers["X-Total-Count"] = str(answer.total)
    if answer.warnings:
        headers["Warning"] = ", ".join(warning(sentence) for sentence in answer.warnings)
    return json_body(request, answer.body, headers)


def _next_page(request: Request, asked: query.Query, base: str, cursor: str) -> str:
    """The same resource and query, from the cursor on."""
    raw = request.scope["query_string"].split(b"&")
    kept = [quote(pair, safe="%=+,.;:@/?!*'()~-_") for pair in raw if pair and pair.partition(b"=")[0] not in (b"offset", b"cursor")]
    resource = "/patients" if asked.by_patient else resources.search_uri(asked.target, asked.level)
    return f"{base}{resource}?{'&'.join([*kept, f'cursor={cursor}'])}"
