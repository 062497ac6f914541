"""What proxies say of the address that the client used: `Forwarded` (RFC 7239), else the `X-Forwarded-*` family.

Each proxy adds itself at the end, so the last entry is that of our neighbour; the one before it counts only if the neighbour had it from
another proxy that we trust. Must not know the request beyond its headers; whoever calls has made sure that the neighbour is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import TypeVar

from starlette.datastructures import Headers

from app.errors import BadRequest

_ENTRY = re.compile(r'(?>(?:[^",]|"(?>(?:[^"\\]|\\.)*)")+)')
_PAIR = re.compile(r'([A-Za-z]++)=("(?>(?:[^"\\]|\\.)*)"|[^";\s]*+)')
_PREFIX = re.compile(r"(?>(?:/[A-Za-z0-9._~-]+)*)")
_LITERAL = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What the proxies tell; an empty field is one that they leave open. `host` has its port."""

    scheme: str
    host: str
    prefix: str


def read(headers: Headers, trusted: Set[str]) -> Forwarded:
    """The view of the outermost proxy in `trusted`. BadRequest if it names no scheme of HTTP, or a prefix that is no path."""
    prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
    scheme, host = _rfc7239(headers, trusted)
    family_scheme, family_host = _family(headers, trusted)
    scheme, host = (scheme or family_scheme).lower(), host or family_host
    if scheme not in {"", "http", "https"} or not _PREFIX.fullmatch(prefix):
        raise BadRequest("The proxy's forwarded headers do not name a scheme and a path prefix", clause="RFC 7239 5")
    return Forwarded(scheme, host, prefix)


def client(headers: Headers, trusted: Set[str], peer: str) -> str:
    """The address from which the outermost of the trusted proxies has had the request; `peer`, our neighbour, is one of them."""
    entries = [_pairs(entry) for entry in _ENTRY.findall(",".join(headers.getlist("forwarded")))]
    told = [_address(pairs.get("for", "")) for pairs in entries] or [_address(value) for value in _values(headers, "x-forwarded-for")]
    for address in reversed(told):
        if peer not in trusted or not _LITERAL.fullmatch(address):
            break
        peer = address
    return peer


def _rfc7239(headers: Headers, trusted: Set[str]) -> tuple[str, str]:
    entries = [_pairs(entry) for entry in _ENTRY.findall(",".join(headers.getlist("forwarded")))]
    pairs = _outermost(entries, [_address(pairs.get("for", "")) for pairs in entries], trusted) if entries else {}
    return pairs.get("proto", ""), pairs.get("host", "")


def _family(headers: Headers, trusted: Set[str]) -> tuple[str, str]:
    def outermost(name: str) -> str:
        values = _values(headers, name)
        # A proxy that overwrites instead of adding leaves fewer values than there are addresses.
        return _outermost(values, addresses[-len(values) :], trusted) if values else ""

    addresses = [_address(value) for value in _values(headers, "x-forwarded-for")]
    port = outermost("x-forwarded-port")
    host = outermost("x-forwarded-host") or (headers.get("host", "") if port else "")
    if host and port.isdecimal() and not re.search(r":[0-9]+$", host):
        host = f"{host}:{port}"
    scheme = outermost("x-forwarded-proto")
    return scheme, host.removesuffix({"http": ":80", "https": ":443"}.get(scheme.lower(), ":"))


def _outermost(entries: list[_Entry], addresses: list[str], trusted: Set[str]) -> _Entry:
    """The first entry of those at the end that were all added by trusted proxies; `addresses` are those of whom each had it from."""
    place = len(entries) - 1
    for address in reversed(addresses):
        if place == 0 or address not in trusted:
            break
        place -= 1
    return entries[place]


def _values(headers: Headers, name: str) -> list[str]:
    return [value.strip() for value in ",".join(headers.getlist(name)).split(",") if value.strip()]


def _pairs(entry: str) -> dict[str, str]:
    return {name.lower(): re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value for name, value in _PAIR.findall(entry)}


def _address(text: str) -> str:
    """`[2001:db8::1]:4711` -> `2001:db8::1`, `192.0.2.1:80` -> `192.0.2.1`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
