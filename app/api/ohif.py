"""The viewer OHIF at `/ohif`: its files, the configuration that is written for it, and the way to it (IHE IID).

The files were made by `viewer/build.py` and lie in a folder that `main` names, or are not there: then `/ohif` says how to get them.
They hold nothing of anybody, so they need no login; what the viewer shows it asks of the DICOMweb service as anybody does.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from app.api import static
from app.api.request import base_url, root_url, takes_gzip
from app.api.static import ASK_AGAIN, FOR_GOOD
from app.dicom import transfer_syntax as ts
from app.dicomweb.media_types import OCTET_STREAM
from app.dicomweb.resources import parse_target
from app.errors import BadRequest, NotFound

PATH = "/ohif"
PACKED = ".gz"
_HASHED = re.compile(r"(?:^|[./])[0-9a-f]{16}\.")
"""Names with a digest in them: another content has another name."""

_DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self' blob:",
    "connect-src": "'self' blob: data:",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "object-src": "'self' blob:",
    "frame-src": "'self' blob:",
    "style-src": "'self' 'unsafe-inline'",  # its widgets are styled in place
    "font-src": "'self' data:",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'self'",
}
_WORKERS = "default-src 'self' blob: data:; script-src 'self' blob: 'wasm-unsafe-eval' 'unsafe-eval'"
"""Only a worker obeys the policy of its own script; the codecs in it are bound to JavaScript by functions made of text."""

FRAMES = (
    (OCTET_STREAM, ts.EXPLICIT_LE),
    (OCTET_STREAM, ts.IMPLICIT_LE),
    ("image/dicom-rle", ts.RLE_LOSSLESS),
    *(("image/jpeg", syntax) for syntax in (ts.JPEG_BASELINE, ts.JPEG_EXTENDED, ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1)),
    *(("image/jls", syntax) for syntax in (ts.JPEG_LS_LOSSLESS, ts.JPEG_LS_NEAR_LOSSLESS)),
    *(("image/jp2", syntax) for syntax in (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000)),
    *(("image/jphc", syntax) for syntax in (ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K)),
)
"""What its codecs can draw. Of itself it asks for any syntax, and then shows nothing of JPEG XL or of deflated frames."""

_SIGN_IN = """window.config.httpErrorHandler = (error) => {
  if (error?.status === 401) location.assign("@ROOT@/?return=" + encodeURIComponent(location.pathname + location.search));
};
"""
"""A session may end while the viewer is open."""

_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>OHIF is not installed</title>
<h1>The viewer OHIF is not installed</h1>
<p>In a checkout of Radiolucent, <code>make viewer</code> fetches it; elsewhere install the wheel <code>radiolucent-ohif</code>
(made by <code>make viewer-wheel</code>). Then start the server again. The setting <code>RADIOLUCENT_VIEWER__OHIF</code> names a folder
of your own.</p></html>
"""


@dataclass(frozen=True, slots=True)
class Ohif:
    """`folder` is where the files lie, or None; `isolated` asks browsers for a process of the page's own (COOP and COEP)."""

    folder: Path | None = None
    isolated: bool = False


class Files(StaticFiles):
    """The files of the folder, compressed where the user agent takes it, and with how long they may be kept."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        name = str(full_path)
        headers = {"Cache-Control": FOR_GOOD if _HASHED.search(Path(name).name) else ASK_AGAIN, "Vary": "Accept-Encoding"}
        if name.endswith(".js"):
            headers["Content-Security-Policy"] = _WORKERS
        if takes_gzip(Request(scope)) and os.path.exists(name + PACKED):
            full_path, stat_result = name + PACKED, os.stat(name + PACKED)
            headers["Content-Encoding"] = "gzip"
        kind = guess_type(name)[0] or "application/octet-stream"
        response = FileResponse(full_path, status_code=status_code, headers=headers, media_type=kind, stat_result=stat_result)
        if self.is_not_modified(response.headers, Request(scope).headers):
            return NotModifiedResponse(response.headers)
        return response


@cache
def _files(folder: Path) -> Files:
    return Files(directory=folder)


async def page(request: Request) -> Response:
    """A file of the viewer; every other path under `/ohif` is a place within the viewer, which index.html finds out about.

    NotFound for the name of a file that is not there: to a browser, a script that is a page is a riddle.
    """
    ohif: Ohif = request.app.state.ohif
    if ohif.folder is None:
        return HTMLResponse(_MISSING, 404)
    path = request.path_params.get("path", "")
    asks = request.app.state.service.plate.asks
    if (
        asks
        and "." not in path.rpartition("/")[2]
        and request.app.state.service.cookie not in request.cookies
        and "authorization" not in request.headers
    ):
        # The viewer has no page of its own for signing in: the console's leads back to it.
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        root = _root_path(request)
        return RedirectResponse(f"{root}/?{urlencode({'return': root + here})}", 302, headers={"Cache-Control": "no-store"})
    if path.endswith(PACKED):
        raise NotFound("There is no such file of the viewer")
    if "." in path.rpartition("/")[2]:
        try:
            response = await _files(ohif.folder).get_response(path, request.scope)
        except HTTPException:
            raise NotFound("There is no such file of the viewer") from None
    else:
        response = FileResponse(ohif.folder / "index.html", headers={"Cache-Control": "no-store"})
        response.headers["Content-Security-Policy"] = policy(base_url(request, request.app.state.service))
        response.headers["Referrer-Policy"] = "same-origin"
    if ohif.isolated:
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    return response


def _root_path(request: Request) -> str:
    """The path under which a proxy has put this server; empty as a rule."""
    return urlsplit(root_url(request, request.app.state.service)).path


def policy(base: str) -> str:
    """The Content-Security-Policy of the page: this origin, and that of the service if clients see it under another."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
    return static.policy(_DIRECTIVES | {"connect-src": f"{_DIRECTIVES['connect-src']} {origin}"})


async def configuration(request: Request) -> Response:
    """`app-config.js`: where the service is and what it can do. A script, so it holds nothing that only some may know."""
    base = base_url(request, request.app.state.service)
    text = "window.config = " + json.dumps(config(base), indent=2).replace("<", "\\u003c") + ";\n"
    if request.app.state.service.plate.asks:
        text += _SIGN_IN.replace("@ROOT@", _root_path(request))
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-store"})


def config(base: str) -> dict[str, object]:
    """OHIF's configuration for the service at this base URL."""
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "radiolucent",
        "configuration": {
            "friendlyName": "Radiolucent",
            "name": "radiolucent",
            "qidoRoot": base,
            "wadoRoot": base,
            "wadoUriRoot": base,
            "qidoSupportsIncludeField": True,
            "imageRendering": "wadors",
            "thumbnailRendering": "thumbnail",
            "thumbnailRequestStrategy": "fetch",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "dicomUploadEnabled": True,
            "staticWado": False,
            "singlepart": "bulkdata,video,pdf",
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
            "omitQuotationForMultipartRequest": True,
            "acceptHeader": [", ".join(f"multipart/related; type={kind}; transfer-syntax={syntax}" for kind, syntax in FRAMES)],
        },
    }
    return {
        "name": "radiolucent",
        "routerBasename": PATH,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "disableConfirmationPrompts": False,
        "investigationalUseDialog": {"option": "never"},
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
        "defaultDataSourceName": "radiolucent",
        "dataSources": [source],
    }


async def invoke(request: Request) -> Response:
    """Invoke Image Display (IHE RAD-106): to the viewer with a study, or to its list of a patient's studies. BadRequest, NotFound."""
    asked = {name.lower(): value for name, value in request.query_params.items()}
    if request.app.state.ohif.folder is None:
        raise NotFound("The viewer OHIF is not installed here: see /ohif")
    return RedirectResponse(PATH + place(asked), 302, headers={"Cache-Control": "no-store"})


def place(asked: dict[str, str]) -> str:
    """Where in the viewer the parameters of RAD-106 lead, names in lower case. BadRequest."""
    kind = asked.get("requesttype", "").upper()
    if kind == "STUDY" and asked.get("studyuid"):
        studies = [uid for uid in re.split(r"[,\\]", asked["studyuid"]) if uid]
        for uid in studies:
            parse_target(uid)
        return "/viewer?" + urlencode([("StudyInstanceUIDs", uid) for uid in studies])
    if kind == "STUDY" and asked.get("accessionnumber"):
        return "?" + urlencode({"accession": asked["accessionnumber"]})
    if kind == "PATIENT" and asked.get("patientid"):
        # An identifier may bring its domain in HL7's words, ID^^^&root&ISO: the list of the viewer knows the first part.
        filters = {"mrn": asked["patientid"].partition("^")[0], "modalities": asked.get("modalitiesinstudy", "")}
        return "?" + urlencode({name: value for name, value in filters.items() if value})
    sentence = "requestType=STUDY needs studyUID or accessionNumber; requestType=PATIENT needs patientID"
    raise BadRequest(sentence, clause="IHE RAD-106")
