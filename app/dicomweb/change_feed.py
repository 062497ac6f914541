"""The change feed on the wire, an extension: its query parameters, and a change as JSON, as a line, or as an event of a stream.

A change names UIDs, never anything of a patient. Must not know: where changes come from, HTTP beyond these texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.dicom import uid
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.parameters import CHANGES
from app.dicomweb.times import moment
from app.dicomweb.transactions import EVENT_STREAM, JSON, NDJSON
from app.errors import InvalidQuery, TooLarge
from app.feed import EVERYTHING, Interest
from app.model import Change, ChangeKind, JsonObject, Uid

CLAUSE = "extension"
OFFERS = tuple(Offer(kind, None, Packaging.SINGLE) for kind in (JSON, NDJSON, EVENT_STREAM))
LATEST_OFFERS = OFFERS[:2]

LATEST = "latest"
PAGE = 1000
"""Changes in one answer, unless the query says otherwise."""

LONGEST_WAIT = 300.0
"""Seconds, at most, that a request waits for the first change."""

RETRY = 2000
"""Milliseconds after which a browser comes again when its stream has ended."""

HEARTBEAT = b": still here\n\n"
"""A comment of an event stream: keeps proxies from taking the connection for dead."""

KINDS: Mapping[ChangeKind, str] = {ChangeKind.CREATED: "stored", ChangeKind.REPLACED: "updated", ChangeKind.DELETED: "deleted"}
"""What a change is called outside."""

_CALLED = {name: frozenset(kind for kind in ChangeKind if KINDS[kind] == name) for name in KINDS.values()}
_NUMBER = re.compile(r"[0-9]{1,19}")
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants of the feed. `after` None: what comes from now on; `limit` None: as many as there are, page by page or in a
    stream; `wait`: seconds to wait for the first change."""

    after: int | None = 0
    limit: int | None = None
    wait: float = 0.0
    interest: Interest = EVERYTHING


def parse(items: Sequence[tuple[str, str]], *, uids: int, last_event: str | None = None) -> Asked:
    """What decoded (name, value) pairs ask for, and the Last-Event-ID of a stream that goes on. InvalidQuery; TooLarge beyond `uids`."""
    given: dict[str, str] = {}
    for name, value in items:
        if name in given:
            raise InvalidQuery(f"{name} stands in the query twice", clause=CLAUSE)
        if name not in CHANGES:
            raise InvalidQuery(f"The change feed has no such parameter; it has {', '.join(CHANGES)}", clause=CLAUSE)
        given[name] = value
    if last_event:
        given["after"] = last_event
    after = given.get("after", "0")
    limit = _number("limit", given["limit"]) if "limit" in given else None
    interest = Interest(_kinds(given.get("kind", "")), _studies(given.get("study", ""), uids), _since(given.get("since", "")))
    return Asked(None if after == LATEST else _number("after", after), limit, _wait(given.get("wait", "0")), interest)


def _number(name: str, value: str) -> int:
    if not _NUMBER.fullmatch(value) or int(value) > _MOST:
        also = f", or {LATEST}" if name == "after" else ""
        raise InvalidQuery(f"{name} has to be a whole number from 0{also}", clause=CLAUSE)
    return int(value)


def _wait(value: str) -> float:
    if not _SECONDS.fullmatch(value):
        raise InvalidQuery("wait has to be a number of seconds", clause=CLAUSE)
    return min(float(value), LONGEST_WAIT)


def _kinds(value: str) -> frozenset[ChangeKind]:
    names = [name for name in value.split(",") if name]
    if not _CALLED.keys() >= set(names):
        raise InvalidQuery(f"kind has to be one of {', '.join(_CALLED)}, or several with commas", clause=CLAUSE)
    return frozenset(kind for name in names for kind in _CALLED[name])


def _studies(value: str, most: int) -> frozenset[Uid]:
    names = [name for name in value.split(",") if name]
    if len(names) > most:
        raise TooLarge(f"The query names more than {most} studies", clause=CLAUSE)
    if not all(map(uid.is_valid, names)):
        raise InvalidQuery("study has to be a Study Instance UID, or several with commas", clause=CLAUSE)
    return frozenset(map(uid.parse, names))


def _since(value: str) -> float | None:
    if not value:
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        return time.timestamp()
    except (ValueError, OverflowError):
        raise InvalidQuery("since has to be a time with its zone, such as 2026-01-31T10:15:00Z (RFC 3339)", clause=CLAUSE) from None


def as_json(change: Change, base: str) -> JsonObject:
    """One change; `url` is that of the instance, where it is not gone."""
    told: JsonObject = {"sequence": change.sequence, "kind": KINDS[change.kind], "at": moment(change.at)}
    told |= {"study": change.target.study, "series": change.target.series, "instance": change.target.instance, "digest": change.digest}
    return told if change.kind is ChangeKind.DELETED else told | {"url": base + resources.instance(change.target)}


def page(changes: Iterable[Change], base: str, *, following: int, more: bool) -> bytes:
    """The changes as one JSON object; `next` is the `after` of the next request, `more` tells that it need not wait."""
    return _text({"changes": [as_json(change, base) for change in changes], "next": following, "more": more})


def lines(changes: Iterable[Change], base: str) -> bytes:
    """The changes as JSON, one in each line."""
    return b"".join(_text(as_json(change, base)) + b"\n" for change in changes)


def beginning(after: int) -> bytes:
    """The first bytes of a stream: where it stands, so that whoever loses it before the first event misses nothing."""
    return f"retry: {RETRY}\nid: {after}\n\n".encode()


def events(changes: Iterable[Change], base: str) -> bytes:
    """The changes as events of a stream (HTML 9.2): `event` is the kind, `id` the sequence."""
    return b"".join(
        f"id: {change.sequence}\nevent: {KINDS[change.kind]}\ndata: ".encode() + _text(as_json(change, base)) + b"\n\n"
        for change in changes
    )


def _text(told: JsonObject) -> bytes:
    return json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode()
