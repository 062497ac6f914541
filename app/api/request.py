"""From an HTTP request to the values that a transaction takes: archive, caller, base URL, targets, wishes.

Endpoints call `admit` first. Must not know any adapter: `main.py` puts a `Service` into `app.state`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from starlette.requests import Request

from app.dicomweb import query, resources
from app.errors import BadRequest, TooLarge
from app.model import Caller, Target
from app.ports import Archive, Authenticator
from app.studies.answers import Wanted

REQUEST_ID = "radiolucent.request_id"
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Service:
    """What the HTTP side knows of its surroundings; settings arrive here as plain values.

    `public_base_url` includes the base path; `trusted_proxies` are addresses whose Forwarded headers are believed.
    """

    archive: Archive
    authenticator: Authenticator
    base_path: str
    public_base_url: str | None = None
    trusted_proxies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What every endpoint hands to its transaction; `base` is the absolute base URL for links in the answer."""

    archive: Archive
    caller: Caller
    base: str


async def admit(request: Request) -> Context:
    """Name the caller (Unauthorized) and the base URL of this request."""
    service: Service = request.app.state.service
    address = request.client.host if request.client else ""
    caller = await service.authenticator.caller(request.headers.get("authorization"), address)
    caller = replace(caller, request_id=request.scope.get(REQUEST_ID, ""))
    return Context(service.archive, caller, base_url(request, service))


def base_url(request: Request, service: Service) -> str:
    """Configured; else what a trusted proxy says; else the Host that was asked (which local mode has checked). BadRequest."""
    if service.public_base_url:
        return service.public_base_url.rstrip("/")
    scheme, host, prefix = request.url.scheme, request.headers.get("host", ""), ""
    if request.client and request.client.host in service.trusted_proxies:
        scheme, host, prefix = _forwarded(request, scheme, host)
    if not _HOST.fullmatch(host):
        raise BadRequest("The Host header is missing or is not a host name with an optional port", clause="RFC 9110 7.2")
    if host in _LOOPBACK and request.scope["server"] and request.scope["server"][1] not in (80, None):
        # dicomweb-client leaves the port out of Host; on this machine there is no doubt which one it has used.
        host = f"{host}:{request.scope['server'][1]}"
    return f"{scheme}://{host}{prefix}{service.base_path}"


def _forwarded(request: Request, scheme: str, host: str) -> tuple[str, str, str]:
    """The nearest proxy's view: Forwarded (RFC 7239, values may be quoted), else the X-Forwarded-* family."""
    headers = request.headers
    nearest = headers.get("forwarded", "").rsplit(",", 1)[-1]
    pairs = {}
    for pair in nearest.split(";"):
        name, _, value = pair.strip().partition("=")
        pairs[name.lower()] = value.strip('"')
    scheme = pairs.get("proto") or headers.get("x-forwarded-proto", scheme)
    host = pairs.get("host") or headers.get("x-forwarded-host", host)
    prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
    if scheme not in {"http", "https"} or (prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", prefix)):
        raise BadRequest("The proxy's forwarded headers do not name a scheme and a path prefix", clause="RFC 7239 5")
    return scheme, host, prefix


def target_of(request: Request) -> Target:
    """The resource of the path. InvalidTarget."""
    path = request.path_params
    return resources.parse_target(path["study"], path.get("series"), path.get("instance"))


def wanted(request: Request) -> Wanted:
    """What representation the user agent asks for, and which it has."""
    headers = request.headers
    known = frozenset(tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",") if tag.strip())
    accept = ",".join(headers.getlist("accept")) or None
    parameter = request.query_params.get("accept") if b"accept=" in request.scope["query_string"] else None
    return Wanted(accept, parameter, known)


def query_items(request: Request, limit: int) -> list[tuple[str, str]]:
    """The decoded query parameters in order. InvalidQuery; TooLarge beyond `limit` bytes."""
    raw: bytes = request.scope["query_string"]
    if len(raw) > limit:
        raise TooLarge(f"The query is longer than {limit} bytes", clause="PS3.18 8.3.4")
    return query.decode(raw.decode("latin-1"))
