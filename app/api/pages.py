"""Interactive documentation at `/docs` (Swagger UI) and `/redoc`: works without any other host, its assets come from this server."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

ASSETS = "docs/assets"
OPENAPI = "openapi.json"
# Relative to the page: behind a proxy the server may stand under a prefix that it does not know.


async def swagger_ui(request: Request) -> Response:
    return get_swagger_ui_html(
        openapi_url=OPENAPI,
        title="Radiolucent",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )


async def redoc(request: Request) -> Response:
    return get_redoc_html(
        openapi_url=OPENAPI,
        title="Radiolucent",
        redoc_js_url=f"{ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{ASSETS}/favicon.png",
        with_google_fonts=False,
    )


def add_pages(app: FastAPI) -> None:
    """The two pages and their assets; last in the order of routes, since nobody waits for them."""
    app.add_route("/docs", swagger_ui)
    app.add_route("/redoc", redoc)
    app.mount("/" + ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")))
