"""The answer to a Store request: status code and Store Instances Response Module (PS3.18 10.5.3, Annex I).

Failures of single instances are entries here, not exceptions. Must not know why something failed beyond its reason code and sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from app.dicomweb import resources
from app.model import JsonObject, Target, Uid

MAX_COMMENT = 1024
"""Characters of an Error Comment (0000,0902). Its VR, LO, allows 64 (PS3.5 6.2): we go beyond, since half a sentence helps nobody, and
the answer is read by people and never stored as a data set."""


class FailureReason(IntEnum):
    """Why an instance was not stored: Failure Reason (0008,1197), PS3.18 I.2.2, PS3.7 C."""

    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    NOT_AUTHORIZED = 0x0124
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    STUDY_MISMATCH = 0xA901
    CANNOT_UNDERSTAND = 0xC000
    TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122


class WarningReason(IntEnum):
    """What is to be known of an instance that was stored: Warning Reason (0008,1196), PS3.18 I.2.2."""

    COERCION = 0xB000
    ELEMENTS_DISCARDED = 0xB006
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xB007


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that is stored; `comments` are sentences without any value of its data set."""

    target: Target
    sop_class: Uid
    warning: WarningReason | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that is not stored; a UID is None if it could not be read. `comment` is a sentence without any value of its data set."""

    sop_class: str | None
    sop_instance: str | None
    reason: FailureReason
    comment: str = ""


def report(stored: Sequence[Stored], failed: Sequence[Failed], *, base: str, study: Uid | None = None) -> tuple[int, JsonObject]:
    """HTTP status and DICOM JSON object of the answer (PS3.18 Table 10.5.3-1, Annex I).

    `base` is put before every RetrieveURL; `study` is the one in the request's path. 200 if all is stored without a warning, 202 if
    something failed or carries a warning, 409 if nothing is stored.
    """
    identified = [entry for entry in failed if entry.sop_class and entry.sop_instance]
    others = [entry for entry in failed if not (entry.sop_class and entry.sop_instance)]
    body: JsonObject = {"00081190": _url(base, _common_study(stored, study))}
    for tag, items in (
        ("00081198", [_failed_item(entry) for entry in identified]),
        ("00081199", [_stored_item(entry, base) for entry in stored]),
        ("0008119A", [_failed_item(entry) for entry in others]),
    ):
        if items:  # an empty sequence makes clients fall over: absent means none (Annex I: type 1C)
            body[tag] = {"vr": "SQ", "Value": items}
    if not stored:
        return 409, body
    return (202 if failed or any(entry.warning is not None for entry in stored) else 200), body


def _common_study(stored: Sequence[Stored], study: Uid | None) -> Target | None:
    studies = {entry.target.study for entry in stored}
    if len(studies) == 1:
        return Target(studies.pop())
    return Target(study) if stored and study is not None else None


def _stored_item(entry: Stored, base: str) -> JsonObject:
    item = _comment(". ".join(entry.comments))
    item["00081150"] = _value("UI", entry.sop_class)
    item["00081155"] = _value("UI", entry.target.instance)
    item["00081190"] = _url(base, entry.target)
    if entry.warning is not None:
        item["00081196"] = _value("US", int(entry.warning))
    return item


def _failed_item(entry: Failed) -> JsonObject:
    item = _comment(entry.comment)
    if entry.sop_class:
        item["00081150"] = _value("UI", entry.sop_class)
    if entry.sop_instance:
        item["00081155"] = _value("UI", entry.sop_instance)
    item["00081197"] = _value("US", int(entry.reason))
    return item


def _comment(text: str) -> JsonObject:
    return {"00000902": _value("LO", text if len(text) <= MAX_COMMENT else text[: MAX_COMMENT - 3] + "...")} if text else {}


def _url(base: str, target: Target | None) -> JsonObject:
    return _value("UR", base + resources.retrieve_uri(target)) if target else {"vr": "UR"}


def _value(vr: str, value: str | int | None) -> JsonObject:
    return {"vr": vr, "Value": [value]}
