"""`/session`: a browser signs in once, and its `<img>`, `<video>` and viewers, which can send no header, are known by a cookie.

The cookie goes to this site alone (SameSite=Strict), no script can read it, and writes of other origins are refused by the gate in front.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.request import Context, Service, admit
from app.credentials import Session
from app.errors import Forbidden
from app.model import Action, Target
from app.studies.audited import audited

PATH = "/session"
NO_STORE = {"Cache-Control": "no-store"}


async def who_am_i(request: Request) -> Response:
    """Who the caller is to this service, and what he may do at all."""
    context = await admit(request)
    return JSONResponse(await _told(context), headers=NO_STORE)


async def begin(request: Request) -> Response:
    """Begin a session with the credential of this very request; its cookie ends no later than that."""
    context = await admit(request)
    service: Service = request.app.state.service
    async with audited(context.archive, context.caller, Action.SIGN_IN, Target()):
        response = JSONResponse(await _told(context), headers=NO_STORE)
        if service.sessions is not None:
            session = service.sessions.begin(context.caller)
            response.headers["Set-Cookie"] = cookie(service.cookie, session, secure=context.base.startswith("https:"))
    return response


async def end(request: Request) -> Response:
    """Forget the cookie; whoever has none is asked nothing."""
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "") == "https"
    return Response(
        status_code=204, headers=NO_STORE | {"Set-Cookie": cookie(request.app.state.service.cookie, Session("", 0), secure=secure)}
    )


def cookie(name: str, session: Session, *, secure: bool) -> str:
    """A Set-Cookie line. Browsers keep it until they are closed, the server believes it until its own end. Over http, which is this
    machine's own, they would drop a cookie that is `Secure`."""
    parts = [f"{name}={session.value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    return "; ".join(parts + ([] if session.value else ["Max-Age=0"]) + (["Secure"] if secure else []))


async def _told(context: Context) -> dict[str, Any]:
    caller = context.caller
    may = []
    for action in Action:
        try:
            await context.archive.policy.grant(caller, action)
        except Forbidden:
            continue
        may.append(action.value)
    return {
        "subject": caller.subject,
        "kind": caller.kind,
        "issuer": caller.issuer or None,
        "organisation": caller.organisation or None,
        "tenant": caller.tenant or None,
        "roles": sorted(caller.roles),
        "scopes": sorted(caller.scopes),
        "purposes": sorted(caller.purposes),
        "expires": caller.expires,
        "may": [name for name in may if name != Action.SIGN_IN.value],
    }
