"""What goes with a document that a browser may open: it is shown in place, and nothing in it runs in the name of this server.

An XML document can name a style sheet that makes a page with scripts of it, and so can SVG and HTML hold them. `sandbox` gives such a page
an origin of its own; nothing is loaded from anywhere. A PDF viewer does not work in a sandbox, and runs nothing of a page's.
"""

from __future__ import annotations

from app.dicomweb.report_html import CONTENT_SECURITY_POLICY

SHOWN = {
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/sla": "stl",
    "application/xml": "xml",
    "image/svg+xml": "svg",
    "model/mtl": "mtl",
    "model/obj": "obj",
    "model/stl": "stl",
    "text/html": "html",
    "text/plain": "txt",
    "text/rtf": "rtf",
    "text/xml": "xml",
}
"""Media types of documents, with the ending of a file."""

POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_ACTIVE = frozenset({"application/xml", "image/svg+xml", "text/html", "text/xml"})


def headers(media_type: str) -> dict[str, str]:
    """The headers of a single part in this media type; none for what is no document. The name tells nothing of the patient."""
    if media_type not in SHOWN:
        return {}
    made = {"Content-Disposition": f'inline; filename="document.{SHOWN[media_type]}"'}
    if media_type in _ACTIVE:
        made["Content-Security-Policy"] = CONTENT_SECURITY_POLICY if media_type == "text/html" else POLICY
    return made
