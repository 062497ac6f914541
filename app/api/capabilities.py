"""`OPTIONS` on the base URL: Retrieve Capabilities (PS3.18 8.9). A CORS preflight never comes here: its own layer answers it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.request import admit, wanted
from app.dicomweb import capabilities
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.transactions import JSON, TRANSACTIONS, WADL

OFFERS = (Offer(WADL, None, Packaging.SINGLE), Offer(JSON, None, Packaging.SINGLE))


async def retrieve_capabilities(request: Request) -> Response:
    """The description in the acceptable form; WADL by default."""
    context = await admit(request)
    wish = wanted(request)
    offer = wish.choose(OFFERS)
    if offer.media_type == JSON:
        return JSONResponse(capabilities.as_json(TRANSACTIONS, context.base))
    return Response(capabilities.as_wadl(TRANSACTIONS, context.base), media_type=WADL)
