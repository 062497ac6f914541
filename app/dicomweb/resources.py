"""Resources of the Studies Service as URIs: read from path segments, built for answers (PS3.18 8.1, 10.1, 10.4.1).

Built URIs begin with `/` and are relative to the service's base URI. Must not know hosts, HTTP, or what is stored.
"""

from __future__ import annotations

import re

from app.dicom import uid
from app.errors import InvalidTarget
from app.model import BASE_MARK, Level, Target, Uid

STUDIES = "/studies"
TENANTS = "/t/"
"""Under this path of the server stand the services of tenants, each by its name."""

STUDY = "/studies/{study}"
SERIES = "/studies/{study}/series/{series}"
INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"
FRAMES = INSTANCE + "/frames/{frames}"
"""The URI templates (RFC 6570) of the Studies, Study, Series, Instance and Frames resources, relative to the base."""

RENDERED_MPR, RENDERED_3D = "renderedMPR", "rendered3D"
"""The last segment of volume resources (PS3.18 10.4.1.1.7, 10.4.1.1.8). The standard's own examples spell it in lower case as well."""

MAX_BULKDATA_PATH = 4096
"""Characters of a bulkdata path: far beyond the deepest nesting that is stored."""

_BULKDATA_PATH = re.compile(r"[0-9A-Fa-f]{8}(?>(?:/[1-9][0-9]{0,9}/[0-9A-Fa-f]{8})*)")
_SEARCHED = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
_FRAME = re.compile(r"\s*+([1-9][0-9]{0,9})\s*+", re.ASCII)
_BASE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+://[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]++|(?:/(?!/)[!$%&'()*+,./0-9:;=@A-Z_a-z~-]*+)?")


def study(target: Target) -> str:
    """The study's URI. ValueError, like the other builders, if the target does not reach down to that level."""
    return STUDY.format(study=_named(target.study))


def series(target: Target) -> str:
    return SERIES.format(study=_named(target.study), series=_named(target.series))


def instance(target: Target) -> str:
    return INSTANCE.format(study=_named(target.study), series=_named(target.series), instance=_named(target.instance))


def retrieve_uri(target: Target) -> str:
    """The URI of what the target names, at its own level; that of all studies for the empty target."""
    if target.instance is not None:
        return instance(target)
    if target.series is not None:
        return series(target)
    return study(target) if target.study is not None else STUDIES


def search_uri(target: Target, level: Level) -> str:
    """The URI of the search for resources of a level under the target (PS3.18 10.6.1)."""
    above = "" if target.study is None else retrieve_uri(target)
    return f"{above}/{_SEARCHED[level]}"


def frames_uri(target: Target, number: int) -> str:
    """The URI of one frame; `number` counts from 1."""
    return f"{instance(target)}/frames/{number}"


def bulkdata_uri(target: Target, path: str) -> str:
    """The URI of one value: `path` as `model.Bulkdata.path`."""
    return f"{instance(target)}/bulkdata/{path}"


def parse_target(study: str | None = None, series: str | None = None, instance: str | None = None) -> Target:
    """A Target from path segments. InvalidTarget for anything but 1 to 64 digits and dots (PS3.5 9.1)."""
    return Target(_uid(study, "Study"), _uid(series, "Series"), _uid(instance, "SOP"))


def parse_bulkdata_path(text: str) -> str:
    """The path in its one spelling, hexadecimal in upper case: tag, or tag/item/tag and so on, items from 1. InvalidTarget otherwise."""
    if len(text) > MAX_BULKDATA_PATH or not _BULKDATA_PATH.fullmatch(text):
        raise InvalidTarget(
            "A bulkdata address is a tag of 8 hexadecimal digits, or a chain of tag/item/tag with items from 1", clause="PS3.18 10.4.1"
        )
    return text.upper()


def parse_frames(text: str, *, limit: int) -> tuple[int, ...]:
    """Frame numbers in the order asked for, from a decoded comma list. InvalidTarget if one is not a number from 1, occurs twice, or if
    there are more than `limit`."""
    clause = "PS3.18 10.4.1"
    if len(text) > 12 * limit or text.count(",") >= limit:
        raise InvalidTarget(f"At most {limit} frames can be asked for at once", clause=clause)
    found = [_FRAME.fullmatch(part) for part in text.split(",")]
    numbers = tuple(int(match[1]) for match in found if match)
    if len(numbers) != len(found):
        raise InvalidTarget("The frame list must hold whole numbers from 1, with commas between them", clause=clause)
    if len(set(numbers)) != len(numbers):
        raise InvalidTarget("The frame list names a frame twice", clause=clause)
    return numbers


def with_base(text: bytes, base: str) -> bytes:
    """Stored JSON with the request's base URL in place of BASE_MARK.

    `base` has no slash at its end, and is empty for relative URIs. ValueError if it holds what cannot stand in a JSON string unescaped.
    """
    if not _BASE.fullmatch(base):
        raise ValueError("the base is not a URL")
    return text.replace(BASE_MARK, base.encode("ascii"))


def _named(value: Uid | None) -> Uid:
    if value is None:
        raise ValueError("the target does not name this level")
    return value


def _uid(text: str | None, kind: str) -> Uid | None:
    if text is None:
        return None
    try:
        return uid.parse(text)
    except ValueError:
        raise InvalidTarget(
            f"The {kind} Instance UID in the address is malformed: 1 to 64 characters, digits and dots only", clause="PS3.5 9.1"
        ) from None
