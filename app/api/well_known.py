"""What anybody may know of how to sign in: RFC 9728 (protected resource metadata) and SMART App Launch 2.2 (`smart-configuration`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.challenge import RESOURCE
from app.api.request import Service, base_url
from app.credentials import SCOPES
from app.errors import NotFound

SIGN_IN = "/session/login"
SMART = "/.well-known/smart-configuration"
HEADERS = {"Cache-Control": "max-age=300"}

__all__ = ["RESOURCE", "SMART", "protected_resource", "smart_configuration"]


async def protected_resource(request: Request) -> Response:
    """Who vouches for the users of this service, and what scopes mean something here. NotFound where nobody is asked who he is."""
    service: Service = request.app.state.service
    root = request.path_params.get("root", "")
    if not service.plate.asks or (root and f"/{root}" != service.base_path):
        raise NotFound("There is no such protected resource here", clause="RFC 9728 3")
    document: dict[str, object] = {
        "resource": base_url(request, service),
        "resource_name": "Radiolucent",
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
    }
    if service.issuer is not None:
        document["authorization_servers"] = [(await service.issuer.facts()).issuer]
    # Beside what the standard knows: how a page of ours signs people in.
    document["api_keys"] = service.plate.keys
    document["sign_in"] = SIGN_IN if service.sign_in is not None else None
    return JSONResponse(document, headers=HEADERS)


async def smart_configuration(request: Request) -> Response:
    """Where an app gets a token for this service. NotFound without an issuer of tokens."""
    service: Service = request.app.state.service
    if service.issuer is None:
        raise NotFound("This service takes no tokens, so there is no issuer to name", clause="SMART App Launch 2.2")
    facts = await service.issuer.facts()
    document = {
        "issuer": facts.issuer,
        "authorization_endpoint": facts.authorization_endpoint,
        "token_endpoint": facts.token_endpoint,
        "introspection_endpoint": facts.introspection_endpoint,
    }
    told = {name: value for name, value in document.items() if value}
    more = {
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": list(SCOPES),
        "capabilities": ["permission-patient", "permission-user", "permission-v2"],
    }
    return JSONResponse(told | more, headers=HEADERS)
