"""The parameters of the URI service as values (PS3.18 chapter 9): one instance, as a Part 10 file or rendered.

Must not know what is stored, nor how an answer is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.dicom import uid
from app.dicomweb.media_types import DICOM, MediaRange, parse_accept
from app.dicomweb.resources import parse_target
from app.errors import BadRequest, InvalidQuery, NotAcceptable, NotSupported
from app.model import Target

_KNOWN = frozenset({"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "anonymize", "annotation"})
_RENDERED = ("image/", "video/", "text/", "application/pdf", "*/*")


@dataclass(frozen=True, slots=True)
class WadoRequest:
    """An instance and the media range that its file has to fit, as an Accept header would say it."""

    target: Target
    accept: str


def parse(items: Sequence[tuple[str, str]], *, accept: str | None) -> WadoRequest:
    """What the decoded query parameters ask for; `accept` is the Accept header, which counts where contentType is left out.

    BadRequest, InvalidQuery, InvalidTarget for what breaks the grammar; NotSupported for rendered media types and for `anonymize`;
    NotAcceptable for media types that the service does not have. Other parameters are those of rendering and mean nothing here.
    """
    values: dict[str, str] = {}
    for name, value in items:
        if name not in _KNOWN:
            continue
        if name in values:
            raise InvalidQuery(f"The parameter {name} may be given once only", clause="PS3.18 9.4")
        values[name] = value
    if values.get("requestType") != "WADO":
        raise BadRequest(
            "This is the address of the URI service, which needs requestType=WADO; other services have paths such as /studies",
            clause="PS3.18 9",
        )
    target = _target(values)
    _ensure_dicom(values.get("contentType"), accept)
    if "annotation" in values:
        raise InvalidQuery("annotation does not go with contentType=application/dicom", clause="PS3.18 9.4")
    _ensure_identified(values.get("anonymize"))
    syntax = _syntax(values.get("transferSyntax"))
    return WadoRequest(target, f"{DICOM}; transfer-syntax={syntax}" if syntax else DICOM)


def _target(values: dict[str, str]) -> Target:
    missing = [name for name in ("studyUID", "seriesUID", "objectUID") if not values.get(name)]
    if missing:
        raise InvalidQuery(f"{' and '.join(missing)}: required, each with one UID", clause="PS3.18 9.4")
    return parse_target(values["studyUID"], values["seriesUID"], values["objectUID"])


def _ensure_dicom(content_type: str | None, accept: str | None) -> None:
    """Without contentType the service renders, unless the Accept header asks for a file by name."""
    if content_type:
        ranges = [item for item in parse_accept(content_type) if item.q > 0]
        if not ranges:
            raise InvalidQuery("contentType is not a list of media types", clause="PS3.18 9.4")
        if any(item.transfer_syntax for item in ranges):
            raise InvalidQuery("The transfer syntax is a parameter of its own here: transferSyntax", clause="PS3.18 9.4")
    else:
        ranges = [item for item in parse_accept(accept or "") if item.q > 0 and _is_part10(item)]
    if any(_is_part10(item) for item in ranges):
        return
    if not ranges or any(item.essence.startswith(_RENDERED) for item in ranges):
        raise NotSupported("This version does not render; ask for the file with contentType=application/dicom", clause="PS3.18 9.5")
    raise NotAcceptable("The URI service does not have this contentType", clause="PS3.18 9.4.2.4", offers=(DICOM,))


def _is_part10(item: MediaRange) -> bool:
    return item.essence == DICOM and not item.multipart


def _ensure_identified(anonymize: str | None) -> None:
    """What cannot be de-identified is refused, never sent as it is."""
    if anonymize is None:
        return
    if anonymize != "yes":
        raise InvalidQuery("anonymize has one value only: yes", clause="PS3.18 9.4")
    raise NotSupported("This version cannot de-identify; the file is not sent with identifying data instead", clause="PS3.18 9.4")


def _syntax(text: str | None) -> str | None:
    """One UID, or `*` for the file as stored, which is an extension that viewers know."""
    if text is None or text == "*":
        return text
    try:
        return uid.parse(text)
    except ValueError:
        raise InvalidQuery("transferSyntax is not one UID", clause="PS3.18 9.4") from None
