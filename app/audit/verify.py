"""Whether the trail is what was written: each record hashes to what it says, follows the one before it, and none is missing up to the
last head that its writer has signed. Reads lines, needs the public key alone; memory does not grow with the trail.

What it can tell: a record that was edited, taken out, put elsewhere, put in twice or made up, and an end that was cut off. What it
cannot: that records and heads behind some moment were both taken away, unless the heads are compared with a copy that lies elsewhere (ADR
0016).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.audit.chain import hash_of, is_whole, signed_parts
from app.audit.heads import read_head
from app.audit.keys import is_signed
from app.audit.trail import Line


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: `kind` is one word, `where` names file and line or the writer's record."""

    kind: str
    where: str
    sentence: str


@dataclass(slots=True)
class Report:
    """`notes` are no findings: what a crash leaves, what is not covered yet."""

    records: int = 0
    heads: int = 0
    writers: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Writer:
    """What is known of one writer: from its heads, and up to where its records were read."""

    began: str = ""
    since: str = ""
    marks: dict[int, str] = field(default_factory=dict)
    signed: int = 0
    signed_at: str = ""
    ended: bool = False
    sequence: int = 0
    digest: str = ""
    missing: set[range] = field(default_factory=set)


def verify(
    trail: Iterable[Line], heads: Iterable[bytes], keys: Mapping[str, Ed25519PublicKey], report: Report, kept_since: str = ""
) -> Iterator[Finding]:
    """All findings; `heads` are lines with their ends, and `report` is filled on the way. Records from before `kept_since` (RFC 3339) may
    be gone, as a site's retention has it."""
    writers: dict[str, _Writer] = {}
    yield from _heads(heads, keys, writers, report)
    chained = False
    old = torn = 0
    for line in trail:
        record = line.record
        where = f"{line.file}:{line.number}"
        if record is None:
            torn += bool(line.data.strip())
            continue
        report.records += 1
        whole = is_whole(line.data)
        if whole is None or not _is_chained(record):
            if chained:
                yield Finding("foreign", where, "a record without a place in any chain, behind records that have one")
            old += not chained
            continue
        chained = True
        if not whole:
            yield Finding("edited", where, "the record does not hash to what it says")
        yield from _follow(line, record, where, writers, kept_since)
    report.writers = len(writers)
    for name, writer in writers.items():
        yield from _end(name, writer, kept_since, report)
    if old:
        report.notes.append(f"{old} records from before records were chained")
    if torn:
        report.notes.append(f"{torn} lines are no records: what a full disk or a crash has cut short")


def _heads(heads: Iterable[bytes], keys: Mapping[str, Ed25519PublicKey], writers: dict[str, _Writer], report: Report) -> Iterator[Finding]:
    number, previous, cut = 0, "", False
    for line in heads:
        head = read_head(line)
        cut = head is None and line.endswith(b"\n")
        if head is None:
            report.notes.append("a head was cut short")
            continue
        report.heads += 1
        where = f"head {head['head']}"
        parts, key = signed_parts(line), keys.get(str(head.get("key")))
        if key is None:
            yield Finding("unsigned", where, "signed with a key that is not known here")
        elif parts is None or not is_signed(key, base64.b64decode(parts[1]), parts[0]):
            yield Finding("edited", where, "the signature does not fit")
        if (head["head"], head.get("previous")) != (number + 1, previous):
            kind = "removed" if head["head"] > number + 1 else "edited"
            yield Finding(kind, where, f"it does not follow head {number}: heads are missing, or were put elsewhere")
        number, previous = head["head"], hash_of(line)
        writer = writers.setdefault(str(head.get("writer")), _Writer())
        if head.get("kind") == "begin":
            writer.began, writer.since = previous, str(head.get("time"))
        else:
            writer.marks[int(head.get("sequence", 0))] = str(head.get("hash"))
            writer.signed, writer.signed_at = int(head.get("sequence", 0)), str(head.get("time"))
            writer.ended = head.get("kind") == "end"
    if cut:  # what a crash cuts short has no end of line, until the next head gives it one
        yield Finding("edited", f"the head behind head {number}", "it cannot be read")


def _follow(line: Line, record: Mapping[str, Any], where: str, writers: dict[str, _Writer], kept_since: str) -> Iterator[Finding]:
    name, sequence = str(record["writer"]), int(record["sequence"])
    writer = writers.setdefault(name, _Writer())
    if not writer.began and not writer.sequence:
        yield Finding("foreign", where, f"writer {name} has no signed beginning")
    mark = writer.marks.pop(sequence, None)
    if mark is not None and mark != record["hash"]:
        yield Finding("edited", where, "the record is not the one that was signed")
    if sequence <= writer.sequence:
        gap = next((gap for gap in writer.missing if sequence in gap), None)
        if gap is None:
            yield Finding("repeated", where, f"record {sequence} of writer {name} stands here once more")
        else:
            writer.missing.remove(gap)
            writer.missing |= {part for part in (range(gap.start, sequence), range(sequence + 1, gap.stop)) if part}
            yield Finding("reordered", where, f"record {sequence} of writer {name} stands behind later ones")
        return
    if sequence == writer.sequence + 1:
        expected = writer.digest or (writer.began if sequence == 1 else "")
        if expected and record["previous"] != expected:
            yield Finding("edited", where, "the record before it is not the one that it was written behind")
    elif writer.sequence or not (kept_since and writer.since < kept_since):
        writer.missing.add(range(writer.sequence + 1, sequence))
    writer.sequence, writer.digest = sequence, str(record["hash"])


def _end(name: str, writer: _Writer, kept_since: str, report: Report) -> Iterator[Finding]:
    for gap in sorted(writer.missing, key=lambda gap: gap.start):
        yield Finding("removed", f"writer {name}", f"{_spoken(gap)} missing")
    if writer.signed > writer.sequence and not (kept_since and writer.signed_at < kept_since):
        gap = range(writer.sequence + 1, writer.signed + 1)
        yield Finding("truncated", f"writer {name}", f"{_spoken(gap)} signed on {writer.signed_at} and missing at the end")
    elif writer.sequence > writer.signed:
        if writer.ended:
            yield Finding(
                "foreign", f"writer {name}", f"{_spoken(range(writer.signed + 1, writer.sequence + 1))} behind the end that was signed"
            )
        else:
            report.notes.append(f"{_spoken(range(writer.signed + 1, writer.sequence + 1))} of writer {name} not signed yet")


def _spoken(gap: range) -> str:
    return f"record {gap.start} is" if len(gap) == 1 else f"records {gap.start} to {gap.stop - 1} are"


def _is_chained(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("sequence"), int) and all(isinstance(record.get(name), str) for name in ("writer", "previous", "hash"))
