"""The URI service (PS3.18 chapter 9): `GET {base}?requestType=WADO&…`, and the same under `/wado`, where many clients look for it."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import WEIGHED, admit, conditions, query_items
from app.api.responses import answered
from app.dicomweb import media_types, wado_uri
from app.errors import NotAcceptable
from app.studies.rendered import Asked, retrieve_rendered
from app.studies.retrieve import retrieve


async def get_object(request: Request) -> Response:
    """One instance as a Part 10 file or as a picture, always as a single part."""
    context = await admit(request)
    header = ",".join(request.headers.getlist("accept"))
    asked = wado_uri.parse(query_items(request, context.archive.limits.query_bytes), accept=header)
    wanted = replace(conditions(request), accept=asked.accept, weighed=request.scope.get(WEIGHED))
    if asked.rendering is not None:
        numbers = None if asked.frame is None else (asked.frame,)
        what = Asked(asked.target, asked.rendering, numbers, single=True, presentation=asked.presentation, base=context.base)
        return await answered(request, retrieve_rendered(context.archive, context.caller, what, wanted), context.base)
    try:
        return await answered(request, retrieve(context.archive, context.caller, asked.target, wanted), context.base)
    except NotAcceptable as error:
        # Whoever asks by URI knows no Accept header: the way out is another parameter.
        detail = "The file cannot be sent in this transfer syntax; transferSyntax=* gives it as stored"
        files = tuple(offer for offer in error.offers if offer.startswith(media_types.DICOM))
        raise NotAcceptable(detail, clause="PS3.18 9.4", offers=files) from error
