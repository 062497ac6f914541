"""`/studies/{study}/labels`: what a study is labelled with, for rules on who may see what."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.request import admit, target_of
from app.errors import NotFound
from app.model import Uid
from app.studies.labels import labels_of, put_label, remove_label

HEADERS = {"Cache-Control": "private, no-cache"}


async def get_labels(request: Request) -> Response:
    context = await admit(request)
    return JSONResponse({"labels": await labels_of(context.archive, context.caller, _study(request))}, headers=HEADERS)


async def put(request: Request) -> Response:
    context = await admit(request)
    await put_label(context.archive, context.caller, _study(request), request.path_params["label"])
    return Response(None, 204)


async def remove(request: Request) -> Response:
    context = await admit(request)
    await remove_label(context.archive, context.caller, _study(request), request.path_params["label"])
    return Response(None, 204)


def _study(request: Request) -> Uid:
    study = target_of(request).study
    if study is None:
        raise NotFound("There is no such study")
    return study
