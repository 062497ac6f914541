"""Which of the addresses that proxies tell is believed (RFC 7239 7.4, and the X-Forwarded-* family)."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from app.api.forwarded import Forwarded, read
from app.errors import BadRequest

TRUSTED = frozenset({"10.0.0.1", "10.0.0.2", "2001:db8::1"})


def told(*headers: tuple[str, str]) -> Forwarded:
    return read(Headers(raw=[(name.encode(), value.encode()) for name, value in headers]), TRUSTED)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=1.1.1.1;proto=https;host=pacs.example.org", "https://pacs.example.org"),
        ('For="[2001:db8::9]:4711";Proto=HTTPS;Host="pacs.example.org:8443"', "https://pacs.example.org:8443"),
        ('host="a,b;c";proto=https, host=pacs.example.org;proto=http', "http://pacs.example.org"),
        ("for=9.9.9.9;host=evil.example, for=1.1.1.1;proto=https;host=pacs.example.org", "https://pacs.example.org"),
        ("for=1.1.1.1;proto=https;host=pacs.example.org, for=10.0.0.2;proto=http;host=inner", "https://pacs.example.org"),
        ('for=8.8.8.8;host=evil, for=1.1.1.1;proto=https;host=pacs, for="[2001:db8::1]";host=inner', "https://pacs"),
        ("for=10.0.0.2;proto=https;host=pacs.example.org", "https://pacs.example.org"),
    ],
)
def test_of_several_entries_the_one_of_the_outermost_trusted_proxy_counts(header: str, expected: str) -> None:
    found = told(("forwarded", header))
    assert f"{found.scheme}://{found.host}" == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"proto": "https", "host": "pacs.example.org"}, "https://pacs.example.org"),
        ({"proto": "https", "host": "pacs.example.org", "port": "8443"}, "https://pacs.example.org:8443"),
        ({"proto": "https", "host": "pacs.example.org:8443", "port": "443"}, "https://pacs.example.org:8443"),
        ({"proto": "https", "host": "pacs.example.org", "port": "443"}, "https://pacs.example.org"),
        ({"proto": "https,http", "host": "pacs, inner", "for": "1.1.1.1, 10.0.0.2"}, "https://pacs"),
        ({"proto": "https,http", "host": "evil, pacs", "for": "1.1.1.1, 9.9.9.9"}, "http://pacs"),
        ({"proto": "https", "host": "pacs", "for": "1.1.1.1, 10.0.0.2"}, "https://pacs"),
    ],
)
def test_the_x_forwarded_family_says_the_same(headers: dict[str, str], expected: str) -> None:
    found = told(*((f"x-forwarded-{name}", value) for name, value in headers.items()))
    assert f"{found.scheme}://{found.host}" == expected


def test_a_port_alone_completes_the_host_that_was_asked() -> None:
    assert told(("host", "pacs.example.org"), ("x-forwarded-port", "8443")).host == "pacs.example.org:8443"


def test_what_is_left_open_stays_open() -> None:
    assert told() == Forwarded("", "", "")
    assert told(("x-forwarded-prefix", "/imaging/")) == Forwarded("", "", "/imaging")


@pytest.mark.parametrize(
    "header", [("x-forwarded-proto", "gopher"), ("x-forwarded-prefix", "//evil.example"), ("x-forwarded-prefix", "/a b")]
)
def test_what_cannot_begin_a_link_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(BadRequest):
        told(header)
