"""`/session/login` and `/session/callback`: a browser goes to the issuer, and comes back with who it is (OpenID Connect Core 3.1)."""

from __future__ import annotations

import re
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.api.request import REQUEST_ID, Service, address, root_url
from app.api.session import NO_STORE, cookie
from app.credentials import JOURNEY_COOKIE, SignIn
from app.errors import BadRequest, NotFound
from app.model import Action, Target
from app.studies.audited import audited

CALLBACK = "/session/callback"
_PLACE = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this very server: not `//elsewhere`, nor what browsers make of a backslash."""

_LONGEST = 2000


async def begin(request: Request) -> Response:
    """Off to the issuer. NotFound where one cannot sign in like this; BadRequest for a place that is none of this server."""
    service: Service = request.app.state.service
    sign_in = _sign_in(service)
    place = request.query_params.get("return", "/")
    if not _PLACE.fullmatch(place) or len(place) > _LONGEST:
        raise BadRequest("return has to be a path of this server", clause="RFC 9700 4.11")
    root = root_url(request, service)
    journey = await sign_in.begin(root + CALLBACK, place)
    answer = RedirectResponse(journey.address, 302, headers=NO_STORE)
    answer.headers["Set-Cookie"] = _journey_cookie(journey.kept, journey.seconds, secure=root.startswith("https:"))
    return answer


async def finish(request: Request) -> Response:
    """Back from the issuer: a session, and on to where it was begun."""
    service: Service = request.app.state.service
    sign_in = _sign_in(service)
    root = root_url(request, service)
    caller, place = await sign_in.finish(_kept(request), dict(request.query_params), root + CALLBACK, address(request))
    caller = replace(caller, request_id=request.scope.get(REQUEST_ID, ""))
    async with audited(service.archive, caller, Action.SIGN_IN, Target()):
        answer = RedirectResponse(place, 302, headers=NO_STORE)
        if service.sessions is not None:
            secure = root.startswith("https:")
            answer.headers.append("Set-Cookie", cookie(service.cookie, service.sessions.begin(caller), secure=secure))
            answer.headers.append("Set-Cookie", _journey_cookie("", 0, secure=secure))
    return answer


def _sign_in(service: Service) -> SignIn:
    if service.sign_in is None:
        raise NotFound("Nobody signs in with a browser here; setting access.sign_in lets them")
    return service.sign_in


def _journey_cookie(value: str, seconds: int, *, secure: bool) -> str:
    """Lax, for the issuer's page sends the browser back: from another site, by a link."""
    line = f"{JOURNEY_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return line + ("; Secure" if secure else "")


def _kept(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(JOURNEY_COOKIE)
    except CookieError:
        found = None
    return found.value if found else ""
