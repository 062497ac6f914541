"""Resources of PS3.18 that this version does not have: 501 with a sentence, never a 404 that looks like missing data."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import admit
from app.errors import NotSupported


async def not_supported(request: Request) -> Response:
    await admit(request)
    kind = request.url.path.rsplit("/", 1)[-1]
    raise NotSupported(f"This version has no {kind} resource here; docs/conformance.md lists what is served", clause="PS3.18 10.4.1")
