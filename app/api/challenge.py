"""What a refusal tells a client of how to get in: the challenges of WWW-Authenticate (RFC 9110 11.6.1, RFC 6750 3, RFC 9728 5.1)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from app.api.request import Service, base_url
from app.errors import BadRequest, DicomwebError, Forbidden, Unauthorized

RESOURCE = "/.well-known/oauth-protected-resource"
REALM = "radiolucent"


def challenges(request: Request, error: DicomwebError) -> list[str]:
    """One for each way of signing in; none if signing in would not help, or if nobody is asked who he is."""
    service: Service = request.app.state.service
    if not service.plate.asks or (isinstance(error, Forbidden) and not error.scope):
        return []
    told = {"realm": REALM}
    if isinstance(error, Unauthorized) and error.invalid:
        told |= {"error": "invalid_token"}
    if isinstance(error, Forbidden):
        told |= {"error": "insufficient_scope", "scope": error.scope}
    if service.plate.tokens and (metadata := metadata_url(request)):
        told |= {"resource_metadata": metadata}
    found = ["Bearer " + ", ".join(f'{name}="{value}"' for name, value in told.items())]
    # A browser that is told of Basic asks its user for a password, which only programs have here.
    if service.plate.keys and isinstance(error, Unauthorized) and "sec-fetch-mode" not in request.headers:
        found.append(f'Basic realm="{REALM}", charset="UTF-8"')
    return found


def metadata_url(request: Request) -> str:
    """Where this service says who vouches for its users (RFC 9728 3.1); empty if it does not know its own address."""
    try:
        parts = urlsplit(base_url(request, request.app.state.service))
    except BadRequest:
        return ""
    return f"{parts.scheme}://{parts.netloc}{RESOURCE}{parts.path}"
