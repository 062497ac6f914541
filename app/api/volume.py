"""Rendered MPR Volume and Rendered 3D Volume resources over HTTP (PS3.18 10.4.1.1.7, 10.4.1.1.8)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import admit, query_items, target_of, wanted
from app.api.responses import answered
from app.dicomweb import resources, volume
from app.dicomweb.volume import Reformatting
from app.studies.volume import retrieve_volume


async def get_rendered_mpr(request: Request) -> Response:
    """`…/renderedMPR` of a study, a series, an instance or frames."""
    return await _volume(request, Reformatting.MPR)


async def get_rendered_3d(request: Request) -> Response:
    """`…/rendered3D` of a study, a series, an instance or frames."""
    return await _volume(request, Reformatting.THREE_D)


async def _volume(request: Request, reformatting: Reformatting) -> Response:
    context = await admit(request)
    limits = context.archive.limits
    asked = volume.parse(query_items(request, limits.query_bytes), reformatting)
    text = request.path_params.get("frames")
    numbers = None if text is None else resources.parse_frames(text, limit=limits.frames)
    transaction = retrieve_volume(context.archive, context.caller, target_of(request), asked, numbers, wanted(request))
    return await answered(request, transaction, context.base)
