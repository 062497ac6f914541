"""The labels of a study, by request. No part of PS3.18: `GET /studies/{study}/labels`, `PUT` and `DELETE` on one of them."""

from __future__ import annotations

from app.errors import BadRequest, Conflict, NotFound
from app.labels import MOST, is_label
from app.model import Access, Action, Caller, Target, Uid
from app.ports import Archive
from app.studies.audited import audited

ABSENT = "There is no such study"


async def labels_of(archive: Archive, caller: Caller, study: Uid) -> list[str]:
    """In ascending order. NotFound."""
    async with audited(archive, caller, Action.RETRIEVE, Target(study), what="labels") as granted:
        await _ensure_seen(archive, study, granted.access)
        return sorted(await archive.labels.of(study))


async def put_label(archive: Archive, caller: Caller, study: Uid, label: str) -> None:
    """Hang it on the study; twice is fine. BadRequest, NotFound, Conflict if it has as many as it can have."""
    async with audited(archive, caller, Action.UPDATE, Target(study), label=label if is_label(label) else "", change="added") as granted:
        if not is_label(label):
            raise BadRequest("A label is 1 to 64 letters, digits, dots, colons, hyphens and underscores, and begins with a letter or digit")
        await _ensure_seen(archive, study, granted.access)
        if not await archive.labels.add(study, frozenset({label})):
            raise Conflict(f"The study has {MOST} labels already, or was deleted just now")


async def remove_label(archive: Archive, caller: Caller, study: Uid, label: str) -> None:
    """NotFound if the study is not there, or does not have it."""
    async with audited(archive, caller, Action.UPDATE, Target(study), label=label if is_label(label) else "", change="removed") as granted:
        await _ensure_seen(archive, study, granted.access)
        if not await archive.labels.remove(study, label):
            raise NotFound("The study does not have this label")


async def _ensure_seen(archive: Archive, study: Uid, access: Access) -> None:
    if not await archive.index.digests(Target(study), access=access):
        raise NotFound(ABSENT)
