"""Is it alive, is it ready, what is it: for supervisors, load balancers and people. No login, no patient data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import __version__
from app.errors import DicomwebError
from app.ports import Archive

CHECK_SECONDS = 5.0
NO_STORE = {"Cache-Control": "no-store"}


async def live(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


async def ready(request: Request) -> Response:
    """Every backend can do its work now; 503 names the ones that cannot."""
    archive: Archive = request.app.state.service.archive
    checks = {"storage": archive.blobs.check, "database": archive.index.check, "audit": archive.audit.check, "pixels": archive.pixels.check}
    sentences = await asyncio.gather(*(_outcome(check) for check in checks.values()))
    report = {name: sentence or "ok" for name, sentence in zip(checks, sentences, strict=True)}
    healthy = not any(sentences)
    document = {"status": "ok" if healthy else "unavailable", "checks": report}
    return JSONResponse(document, 200 if healthy else 503, headers=NO_STORE)


async def version(request: Request) -> Response:
    return JSONResponse({"name": "radiolucent", "version": __version__}, headers=NO_STORE)


async def _outcome(check: Callable[[], Awaitable[None]]) -> str:
    """What is wrong, as a sentence; empty if nothing is."""
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except DicomwebError as error:
        return error.detail
    except TimeoutError:
        return f"did not answer within {CHECK_SECONDS:g} seconds"
    return ""
