"""Which tenant's service a request is for: `/t/NAME/...` goes to that one, as if it stood at the root; everything else goes on.

A tenant's service is a whole application with an archive of its own: nothing here, or behind it, knows two of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.challenge import RESOURCE
from app.dicomweb.resources import TENANTS


class Tenants:
    """ASGI middleware. `services` are the tenants' applications by name."""

    def __init__(self, app: ASGIApp, services: Mapping[str, ASGIApp]) -> None:
        self.app = app
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for before in ("", RESOURCE):  # of a resource at /t/NAME/x, what is known of it stands before its path (RFC 9728 3.1)
                if scope["path"].startswith(before + TENANTS):
                    name, slash, rest = scope["path"].removeprefix(before + TENANTS).partition("/")
                    service = self.services.get(name)
                    if service is not None:
                        path = before + slash + rest or "/"
                        await service({**scope, "path": path, "raw_path": path.encode()}, receive, send)
                        return
        await self.app(scope, receive, send)
