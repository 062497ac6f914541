"""A real issuer of tokens on loopback: discovery, JWKS, introspection, and tokens of every right and wrong kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "radiolucent"
CLIENT = ("radiolucent-client", "its-secret-at-the-issuer")


@cache
def rsa(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


@cache
def ec(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name})


class Provider:
    """`published` are the keys in the JWKS; `active` answers introspection by token; `asked` counts requests by path; it can be `down`."""

    def __init__(self) -> None:
        self.published: list[RSAKey | ECKey] = [rsa("first"), ec("second")]
        self.active: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, int] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.user: dict[str, Any] = {}
        self.down = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/realms/hospital"

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "jane", "iat": now, "exp": now + 300, "scope": "user/ImagingStudy.cruds"}
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A token; `None` leaves a claim out."""
        head = {"alg": "RS256", "kid": "first", "typ": "at+jwt", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        registry = JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
        return jwt.encode(head, self.claims(**changes), key or rsa("first"), registry=registry)

    def exchanged(self, form: dict[str, str], authorization: str | None) -> dict[str, Any] | None:
        """Tokens for a code, once, if its bringer is the client that asked, with the verifier of its challenge (RFC 7636 4.6)."""
        asked = self.codes.pop(form.get("code", ""), None)
        wanted = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
        challenge = _encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or authorization != wanted or asked["code_challenge_method"] != "S256":
            return None
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"] or asked["client_id"] != CLIENT[0]:
            return None
        identity = self.token(header={"typ": "JWT"}, **{"aud": CLIENT[0], "nonce": asked["nonce"], **self.user, "scope": None})
        return {"access_token": self.token(**self.user), "id_token": identity, "token_type": "Bearer", "scope": asked["scope"]}

    def unsigned(self) -> str:
        parts = ({"alg": "none", "typ": "at+jwt"}, self.claims())
        return ".".join(_encoded(json.dumps(part).encode()) for part in parts) + "."

    def confused(self) -> str:
        """HS256 with the public key as the secret: what a library that trusts the header would take."""
        head = {"alg": "HS256", "kid": "first", "typ": "at+jwt"}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, self.claims()))
        return f"{signed}.{_encoded(hmac.digest(rsa('first').as_pem(private=False), signed.encode(), 'sha256'))}"

    def wrong_tokens(self) -> dict[str, str]:
        """One for each way to be wrong."""
        now = int(time.time())
        foreign = rsa("foreign")
        own = {"jwk": foreign.as_dict(private=False), "kid": None}
        good = self.token()
        return {
            "no token at all": "nonsense",
            "expired": self.token(exp=now - 60),
            "without an end": self.token(exp=None),
            "not yet": self.token(nbf=now + 300),
            "another issuer": self.token(iss="https://elsewhere.example.org"),
            "without an issuer": self.token(iss=None),
            "another audience": self.token(aud=["other", "services"]),
            "without an audience": self.token(aud=None),
            "without a subject": self.token(sub=None),
            "alg none": self.unsigned(),
            "alg none, three parts": self.unsigned() + "AAAA",
            "HS256 with the public key": self.confused(),
            "unknown kid": self.token(header={"kid": "unknown"}, key=foreign),
            "foreign key under a known kid": self.token(key=foreign),
            "foreign jwk": self.token(header=own, key=foreign),
            "foreign jku": self.token(header={"jku": "https://elsewhere.example.org/keys"}, key=foreign),
            "x5u": self.token(header={"x5u": "https://elsewhere.example.org/cert"}),
            "logout token": self.token(header={"typ": "logout+jwt"}),
            "changed afterwards": _changed(good),
            "cut off": good[:-4],
            "RS256 for an EC key": self.token(header={"kid": "second"}),
        }


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{_encoded(json.dumps({**claims, 'sub': 'root'}).encode())}.{signature}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@contextmanager
def providing() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            provider.asked[self.path] = provider.asked.get(self.path, 0) + 1
            root = "/realms/hospital"
            if provider.down:
                self.answer(500, {})
            elif self.path == f"{root}/.well-known/openid-configuration":
                names = ("authorization_endpoint", "token_endpoint", "introspection_endpoint", "jwks_uri")
                self.answer(200, {"issuer": provider.url, **{name: f"{provider.url}/{name}" for name in names}})
            elif self.path.startswith(f"{root}/authorization_endpoint?"):
                self.page(parse_qs(self.path.partition("?")[2]))
            elif self.path == f"{root}/jwks_uri":
                self.answer(200, {"keys": [key.as_dict(private=False) for key in provider.published]})
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            provider.asked[self.path] = provider.asked.get(self.path, 0) + 1
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
            if self.path.endswith("/token_endpoint"):
                given = provider.exchanged(form, self.headers.get("Authorization"))
                self.answer(200 if given else 400, given or {"error": "invalid_grant"})
                return
            wanted = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
            if provider.down or self.headers["Authorization"] != wanted:
                self.answer(401, {})
            else:
                self.answer(200, provider.active.get(form["token"], {"active": False}))

        def page(self, asked: dict[str, list[str]]) -> None:
            """Where a user would type his password."""
            code = secrets.token_urlsafe(16)
            provider.codes[code] = {name: values[0] for name, values in asked.items()}
            back = asked["redirect_uri"][0] + "?" + urlencode({"code": code, "state": asked["state"][0], "iss": provider.url})
            body = f"<!doctype html><title>Login</title><p><a href='{escape(back)}'>I am jane</a></p>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
