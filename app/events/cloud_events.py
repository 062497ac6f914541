"""A change as CloudEvents 1.0 (JSON format: one, or a batch): what webhooks are sent. UIDs only, nothing of a patient.

Pure: bytes out of values. Must not know: who gets them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.dicomweb import resources
from app.dicomweb.change_feed import KINDS
from app.dicomweb.times import moment
from app.model import Change, JsonObject

ONE = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json; charset=utf-8"


def as_event(change: Change, source: str) -> JsonObject:
    """`id` is the sequence: with `source` it names the event, however often it is delivered."""
    target = change.target
    return {
        "specversion": "1.0",
        "id": str(change.sequence),
        "source": source,
        "type": f"radiolucent.instance.{KINDS[change.kind]}",
        "subject": resources.instance(target).removeprefix("/"),
        "time": moment(change.at),
        "datacontenttype": "application/json",
        "data": {"sequence": change.sequence, "study": target.study, "series": target.series, "instance": target.instance},
    }


def body(changes: Sequence[Change], source: str, *, batch: bool) -> tuple[str, bytes]:
    """Content-Type and bytes of a request that tells of these changes; of exactly one, if it is no batch."""
    events = [as_event(change, source) for change in changes]
    if batch:
        return BATCH, json.dumps(events, separators=(",", ":")).encode()
    (event,) = events
    return ONE, json.dumps(event, separators=(",", ":")).encode()
