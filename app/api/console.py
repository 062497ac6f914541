"""The console at `/`: a page, its modules and styles under `/console`, all from this server and without a build step.

The page names its files under a digest of them all, so that they are kept for good and never mixed with those of another version. Like the
viewer's they hold nothing of anybody: what the console shows, it asks of the DICOMweb service as anybody does.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from mimetypes import guess_type
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.api import wado_uri
from app.api.ohif import PATH as OHIF
from app.api.request import Service, takes_gzip
from app.api.static import ASK_AGAIN, FOR_GOOD, policy
from app.dicom import dictionary
from app.errors import NotFound

PATH = "/console"
FOLDER = Path(__file__).parent.parent / "console"
PAGE = "index.html"
DICTIONARY = "dictionary.json"
SMALLEST = 1024
"""Bytes below which compressing is not worth it."""

POLICY = policy(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "frame-src": "'self' blob:",  # reports and documents, as the service renders them
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",  # no text becomes markup, whatever a patient is called
        "trusted-types": "'none'",
    }
)
HEADERS = {
    "Cache-Control": ASK_AGAIN,
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept, Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent: `packed` is gzip, or None where that is not worth it."""

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


def file(name: str, content: bytes) -> File:
    packed = gzip.compress(content, 9, mtime=0) if len(content) > SMALLEST else None
    kind = guess_type(name)[0] or "application/octet-stream"
    return File(content, packed, kind, '"' + hashlib.sha256(content).hexdigest()[:32] + '"')


@cache
def files() -> dict[str, File]:
    """Every file of the console by its name, and the data dictionary, which is drawn from the server's own."""
    found = {path.name: file(path.name, path.read_bytes()) for path in sorted(FOLDER.iterdir()) if path.is_file()}
    tables = {
        "keywords": dictionary.keywords(),
        "classes": dictionary.uid_names("SOP Class"),
        "syntaxes": dictionary.uid_names("Transfer Syntax"),
    }
    return found | {DICTIONARY: file(DICTIONARY, json.dumps(tables, separators=(",", ":")).encode())}


@cache
def version() -> str:
    """A digest of all files: another content has another address."""
    every = "".join(f"{name}{found.etag}" for name, found in sorted(files().items()))
    return hashlib.sha256(every.encode()).hexdigest()[:16]


@cache
def page(base_path: str, viewer: bool) -> File:
    """The page of a service under this base path. All its addresses are relative: a proxy may put a prefix before them."""
    text = files()[PAGE].content.decode()
    told = {"@FILES@": f"{PATH[1:]}/{version()}", "@SERVICE@": base_path.strip("/") or ".", "@OHIF@": OHIF[1:] if viewer else ""}
    for mark, value in told.items():
        text = text.replace(mark, value)
    return file(PAGE, text.encode())


async def front(request: Request) -> Response:
    """`/`: the console for whoever takes a page; for programs what the service has there, the URI service or nothing. NotFound."""
    service: Service = request.app.state.service
    base_path = service.base_path.rstrip("/")
    if not base_path and (request.scope["query_string"] or not takes_page(request)):
        return await wado_uri.get_object(request)
    if not takes_page(request):
        raise NotFound(f"The DICOMweb service is at {base_path}; browsers find the console here")
    return answer(request, page(base_path, request.app.state.ohif.folder is not None), HEADERS)


async def asset(request: Request) -> Response:
    """A file of the console, under the digest of those that are served now. NotFound for any other: the page has to be loaded anew."""
    path = request.path_params
    if path["version"] != version() or path["name"] == PAGE or path["name"] not in files():
        raise NotFound("There is no such file of the console")
    return answer(request, files()[path["name"]], {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"})


def takes_page(request: Request) -> bool:
    """It is a browser that asks: Accept names HTML, not just anything."""
    return any(choice.partition(";")[0].strip().lower() == "text/html" for choice in request.headers.get("accept", "").split(","))


def answer(request: Request, found: File, headers: dict[str, str]) -> Response:
    """The file, compressed where the user agent takes it, or 304."""
    headers = headers | {"ETag": found.etag}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if found.packed is not None and takes_gzip(request):
        return Response(found.packed, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)
