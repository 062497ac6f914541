"""Content negotiation: which of the representations on offer is sent (PS3.18 8.7.8).

The server says what it could send for this resource, best first; the caller's `accept` parameter and Accept header choose among these.
Must not know where the offers come from, nor HTTP beyond these two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.media_types import ANYTHING, DICOM, OCTET_STREAM, MediaRange, canonical, parse_accept
from app.errors import BadRequest, NotAcceptable

_DEFAULT_SYNTAX = {
    DICOM: EXPLICIT_LE,
    OCTET_STREAM: EXPLICIT_LE,
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
    "video/h265": "1.2.840.10008.1.2.4.107",
}
"""PS3.18 Table 8.7.3-5: the transfer syntax meant when a media range of that type names none."""

_RENDERED = frozenset({"image/gif", "image/png", "image/webp", "image/avif", "application/pdf"})

_LOST_PLUS = re.compile(r"(?<=/dicom) (?=(?:json|xml)\b)", re.IGNORECASE)


class Packaging(Enum):
    """How a payload is wrapped (PS3.18 8.6): in multipart/related, or bare."""

    MULTIPART = "multipart"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Offer:
    """One representation that the server could send.

    `transfer_syntax` None means that the media type has none (JSON, PDF). `fallback` marks a form that the server cannot turn into its
    media type's default syntax (lossy pixels, video): it then also answers a range that names no syntax (PS3.18 8.7.3). `rendered` marks a
    Rendered Media Type, which knows no transfer syntax: a range that names one means something else (PS3.18 8.7.4).
    """

    media_type: str
    transfer_syntax: str | None = None
    packaging: Packaging = Packaging.MULTIPART
    fallback: bool = False
    rendered: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An acceptable offer, with the media range that asked for it and where that stood (`accept` parameter or `Accept` header)."""

    offer: Offer
    media_range: MediaRange
    source: str


def select(offers: Sequence[Offer], *, accept: str | None, parameter: str | None = None) -> Offer:
    """The Selected Media Type and Transfer Syntax (PS3.18 8.7.8.1).

    `offers` come best first, the default at the front; `accept` is the header, `parameter` the decoded `accept` query parameter, which
    goes first. No header, or none with a media range in it, stands for `*/*`. NotAcceptable, naming the offers, if nothing fits;
    BadRequest as `parse_accept`.
    """
    candidates = explain(offers, accept=accept, parameter=parameter)
    if not candidates:
        raise NotAcceptable(
            "Nothing on offer for this resource fits the Accept header; ask for one of the offers",
            clause="PS3.18 8.7.8.1",
            offers=tuple(dict.fromkeys(describe(offer) for offer in offers)),
        )
    return candidates[0].offer


def ensure_strict(*, accept: str | None, parameter: str | None) -> None:
    """What a server that takes PS3.18 8.7.5 at its word asks of every request, before there is anything to choose.

    NotAcceptable without any acceptable media type; BadRequest if DICOM and rendered media types stand side by side.
    """
    ranges = [*(parse_accept(parameter) if parameter else ()), *(parse_accept(accept) if accept else ())]
    if not ranges:
        raise NotAcceptable("This server is strict: name the acceptable media types in an Accept header", clause="PS3.18 8.7.5")
    if any(_is_dicom(item) for item in ranges) and any(_is_rendered(item) for item in ranges):
        raise BadRequest("DICOM and rendered media types may not stand in one Accept header", clause="PS3.18 8.7.5")


def explain(offers: Sequence[Offer], *, accept: str | None, parameter: str | None = None) -> list[Candidate]:
    """Every acceptable offer, best first, with the reason; empty if none is. Arguments and errors as `select`."""
    asked = parse_accept(_LOST_PLUS.sub("+", parameter)) if parameter else ()
    header = parse_accept(accept) if accept else ()
    return [*_rank(offers, asked, "accept parameter"), *_rank(offers, header or (ANYTHING,), "Accept header")]


def describe(offer: Offer) -> str:
    """The media range that asks for exactly this offer."""
    syntax = f"; transfer-syntax={offer.transfer_syntax}" if offer.transfer_syntax else ""
    if offer.packaging is Packaging.SINGLE:
        return f"{offer.media_type}{syntax}"
    return f'multipart/related; type="{offer.media_type}"{syntax}'


def _rank(offers: Sequence[Offer], ranges: Sequence[MediaRange], source: str) -> Iterable[Candidate]:
    ranked = []
    for place, offer in enumerate(offers):
        wanted = [(index, item) for index, item in enumerate(ranges) if item.q > 0 and _fits(item, offer)]
        if not wanted:
            continue
        index, best = max(wanted, key=lambda entry: (_specificity(entry[1]), -entry[0]))
        refused = (item for item in ranges if item.q == 0 and _names(item, offer) and _syntax_named(item, offer))
        if all(_specificity(item) < _specificity(best) for item in refused):
            ranked.append(((-best.q, index, place), Candidate(offer, best, source)))
    return (candidate for _, candidate in sorted(ranked, key=lambda entry: entry[0]))


def _fits(media_range: MediaRange, offer: Offer) -> bool:
    if not _names(media_range, offer) or (offer.rendered and media_range.transfer_syntax is not None):
        return False
    if media_range.transfer_syntax is not None or media_range.wildcard or offer.transfer_syntax is None:
        return _syntax_named(media_range, offer)
    return offer.fallback or offer.transfer_syntax == _DEFAULT_SYNTAX.get(canonical(offer.media_type), offer.transfer_syntax)


def _names(media_range: MediaRange, offer: Offer) -> bool:
    if media_range.multipart is not None and media_range.multipart is not (offer.packaging is Packaging.MULTIPART):
        return False
    if media_range.essence == "*/*":
        return True
    offered = canonical(offer.media_type)
    return offered.startswith(media_range.essence[:-1]) if media_range.wildcard else offered == media_range.essence


def _syntax_named(media_range: MediaRange, offer: Offer) -> bool:
    return offer.transfer_syntax is None or media_range.transfer_syntax in (None, "*", offer.transfer_syntax)


def _is_dicom(media_range: MediaRange) -> bool:
    return media_range.essence.startswith("application/dicom") or media_range.transfer_syntax is not None


def _is_rendered(media_range: MediaRange) -> bool:
    """Media types that only rendered resources have; JPEG and the like are both (PS3.18 Table 8.7.4-1)."""
    return media_range.essence in _RENDERED or (media_range.essence.startswith("text/") and not media_range.multipart)


def _specificity(media_range: MediaRange) -> tuple[int, bool, bool]:
    essence = 0 if media_range.essence == "*/*" else 1 if media_range.wildcard else 2
    return essence, media_range.multipart is not None, media_range.transfer_syntax not in (None, "*")
