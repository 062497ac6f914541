"""From an HTTP request to the values that a transaction takes: archive, caller, base URL, targets, wishes.

Endpoints call `admit` first. Must not know any adapter: `main.py` puts a `Service` into `app.state`.
"""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime

from starlette.requests import Request

from app.api import forwarded
from app.api.direct import ROUTE
from app.api.event_stream import Seats
from app.api.forwarded import Forwarded
from app.api.pace import Pace
from app.api.recent import Recent
from app.credentials import SESSION_COOKIE, Doorplate, Issuers, SessionMaker, SignIn
from app.dicomweb import negotiate, query, resources
from app.errors import BadRequest, TooLarge
from app.meter import Meter
from app.model import Caller, Credential, Target
from app.ports import Archive, Authenticator
from app.studies.answers import Wanted

REQUEST_ID = "radiolucent.request_id"
CALLER = "radiolucent.caller"
"""Under this key of the ASGI scope stands who sends the request, once that is known."""

WEIGHED = "radiolucent.weighed"
"""Under this key of the ASGI scope a list waits for the choices of representation; `negotiation.py` alone puts one there."""

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Service:
    """What the HTTP side knows of its surroundings; settings arrive here as plain values.

    `public_base_url` includes the base path; `trusted_proxies` are addresses whose Forwarded headers are believed; `strict` takes
    PS3.18 8.7.5 at its word; `recent` keeps bodies that were made lately; `seats` are for those who wait for changes; `plate` says how
    one can sign in, `sessions`, `issuer` and `sign_in` are there where one can. `mount`
    is the path under which a tenant's service stands, `cookie` the name of its sessions.
    `meter` tells what was counted, to whoever shows the `metrics_token`; without one to this machine.
    """

    archive: Archive
    authenticator: Authenticator
    base_path: str
    public_base_url: str | None = None
    trusted_proxies: frozenset[str] = frozenset()
    strict: bool = False
    recent: Recent = field(default_factory=Recent)
    seats: Seats = field(default_factory=Seats)
    plate: Doorplate = field(default_factory=Doorplate)
    sessions: SessionMaker | None = None
    issuer: Issuers | None = None
    sign_in: SignIn | None = None
    mount: str = ""
    cookie: str = SESSION_COOKIE
    meter: Meter | None = None
    metrics_token: str = ""
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What every endpoint hands to its transaction; `base` is the absolute base URL for links in the answer."""

    archive: Archive
    caller: Caller
    base: str


async def admit(request: Request) -> Context:
    """Name the caller (Unauthorized) and the base URL of this request; TooMany if it is one of too many heavy ones."""
    service: Service = request.app.state.service
    caller = await service.authenticator.caller(credential(request))
    caller = request.scope[CALLER] = replace(caller, request_id=request.scope.get(REQUEST_ID, ""))
    if service.pace is not None:
        service.pace.keep(caller, request.scope.get(ROUTE, ""), request.method)
    return Context(service.archive, caller, base_url(request, service))


def credential(request: Request) -> Credential:
    """What the request says of its sender."""
    headers, scope = request.headers, request.scope
    return Credential(
        authorization=headers.get("authorization"),
        address=address(request),
        certificate=scope.get("extensions", {}).get("tls", {}).get("client_cert_name") or "",
        cookie=headers.get("cookie", ""),
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
    )


def address(request: Request) -> str:
    """Whom the request comes from: the peer, or the client that trusted proxies say they have it from."""
    peer = request.client.host if request.client else ""
    trusted = request.app.state.service.trusted_proxies
    return forwarded.client(request.headers, trusted, peer) if peer in trusted else peer


def base_url(request: Request, service: Service) -> str:
    """Configured; else what a trusted proxy says; else the Host that was asked (which local mode has checked). BadRequest."""
    if service.public_base_url:
        return service.public_base_url.rstrip("/")
    told = Forwarded("", "", "")
    if request.client and request.client.host in service.trusted_proxies:
        told = forwarded.read(request.headers, service.trusted_proxies)
    host = told.host or request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise BadRequest("The Host header is missing or is not a host name with an optional port", clause="RFC 9110 7.2")
    if not (told.host or told.scheme) and host in _LOOPBACK and request.scope["server"] and request.scope["server"][1] not in (80, None):
        # dicomweb-client leaves the port out of Host; on this machine there is no doubt which one it has used.
        host = f"{host}:{request.scope['server'][1]}"
    return f"{told.scheme or request.url.scheme}://{host}{told.prefix}{service.mount}{service.base_path}"


def root_url(request: Request, service: Service) -> str:
    """The root of this server as clients see it, without a slash at its end. BadRequest as `base_url`."""
    return base_url(request, service).removesuffix(service.base_path)


def target_of(request: Request) -> Target:
    """The resource of the path. InvalidTarget."""
    path = request.path_params
    return resources.parse_target(path["study"], path.get("series"), path.get("instance"))


def wanted(request: Request) -> Wanted:
    """What representation the user agent asks for, and which it has. NotAcceptable and BadRequest if the server is strict."""
    accept = ",".join(request.headers.getlist("accept")) or None
    parameter = request.query_params.get("accept") if b"accept=" in request.scope["query_string"] else None
    if request.app.state.service.strict:
        negotiate.ensure_strict(accept=accept, parameter=parameter)
    coding = "gzip" if takes_gzip(request) else ""
    return replace(conditions(request), accept=accept, parameter=parameter, coding=coding, weighed=request.scope.get(WEIGHED))


def conditions(request: Request) -> Wanted:
    """What the user agent has already (RFC 9110 13.1), whatever it takes."""
    headers = request.headers
    known = frozenset(tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",") if tag.strip())
    return Wanted(known=known, since=_seconds(headers.get("if-modified-since")))


def takes_gzip(request: Request) -> bool:
    """Accept-Encoding names gzip (or `*`) and does not refuse it (RFC 9110 12.5.3)."""
    for choice in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameters = choice.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _seconds(date: str | None) -> float | None:
    """An HTTP date as seconds since 1970; what is none is ignored (RFC 9110 13.1.3)."""
    try:
        return timegm(parsedate_to_datetime(date).utctimetuple()) if date else None
    except (ValueError, OverflowError):
        return None


def query_items(request: Request, limit: int) -> list[tuple[str, str]]:
    """The decoded query parameters in order. InvalidQuery; TooLarge beyond `limit` bytes."""
    raw: bytes = request.scope["query_string"]
    if len(raw) > limit:
        raise TooLarge(f"The query is longer than {limit} bytes", clause="PS3.18 8.3.4")
    return query.decode(raw.decode("latin-1"))
