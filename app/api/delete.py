"""`DELETE` on a study, a series or an instance: the usual extension of PS3.18, 204 when done."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import admit, target_of
from app.studies.delete import delete


async def delete_resource(request: Request) -> Response:
    context = await admit(request)
    await delete(context.archive, context.caller, target_of(request))
    return Response(None, 204)
