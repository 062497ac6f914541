"""Rendered resources and thumbnails over HTTP (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import Context, admit, query_items, target_of, wanted
from app.api.responses import answered
from app.dicomweb import rendering, resources
from app.studies.rendered import Asked, retrieve_rendered
from app.studies.thumbnails import SIZE, retrieve_thumbnail


async def get_rendered(request: Request) -> Response:
    """`…/rendered` of a study, a series, an instance or frames."""
    context = await admit(request)
    asked = rendering.parse(query_items(request, context.archive.limits.query_bytes))
    what = Asked(target_of(request), asked, _frames(request, context), base=context.base)
    return await answered(request, retrieve_rendered(context.archive, context.caller, what, wanted(request)), context.base)


async def get_thumbnail(request: Request) -> Response:
    """`…/thumbnail` of a study, a series, an instance or frames."""
    context = await admit(request)
    asked = rendering.parse_thumbnail(query_items(request, context.archive.limits.query_bytes), size=SIZE)
    numbers = _frames(request, context)
    transaction = retrieve_thumbnail(context.archive, context.caller, target_of(request), numbers, asked, wanted(request))
    return await answered(request, transaction, context.base)


def _frames(request: Request, context: Context) -> tuple[int, ...] | None:
    """The frame numbers of the path, None if it has none. InvalidTarget."""
    text = request.path_params.get("frames")
    return None if text is None else resources.parse_frames(text, limit=context.archive.limits.frames)
