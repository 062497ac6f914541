"""`POST /studies` and `POST /studies/{study}` (PS3.18 10.5): the body is streamed into the transaction as it arrives."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.request import admit, target_of, wanted
from app.api.responses import json_body, warning
from app.dicomweb import framing, multipart, resources, store_report
from app.errors import InvalidMultipart, UnsupportedMediaType
from app.model import Target
from app.studies.store import StoreRequest, store


async def store_instances(request: Request) -> Response:
    """The Store Instances Response Module as DICOM JSON or XML, with 200, 202 or 409 (PS3.18 Table 10.5.3-1)."""
    context = await admit(request)
    study = target_of(request).study if "study" in request.path_params else None
    wish = wanted(request)
    offer = wish.choose(framing.REPORT_OFFERS)
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        # A few bytes could become gigabytes; and DICOM has a deflated transfer syntax of its own.
        raise UnsupportedMediaType("Bodies are not taken compressed: send it without Content-Encoding", clause="RFC 9110 8.4")
    content = multipart.boundary_of(request.headers.get("content-type"))
    uri = context.base + resources.retrieve_uri(Target(study))
    answer = await store(context.archive, context.caller, StoreRequest(content, _body(request), study, uri))
    status, report = store_report.report(answer.stored, answer.failed, base=context.base, study=study)
    content_type, text = framing.report(offer, report, uuid.uuid4().hex)
    headers = {"Content-Type": content_type}
    if answer.remarks:
        headers["Warning"] = ", ".join(warning(sentence) for sentence in answer.remarks)
    return json_body(request, text, headers, status)


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise InvalidMultipart("The connection broke off before the end of the body", clause="PS3.18 8.6.1.2") from error
