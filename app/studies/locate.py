"""Find exactly one instance for this caller, and say why there is none: absent and hidden are the same 404."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import Gone, NotFound
from app.model import Access, ChangeKind, DeletedRule, InstanceRecord, Level, Target
from app.ports import Archive


async def locate_one(archive: Archive, target: Target, access: Access) -> InstanceRecord:
    """The instance that the whole triple names; NotFound or Gone if any of the three UIDs does not fit."""
    async for record in archive.index.locate(target, access=access):
        return record
    raise await absent(archive, target, access)


async def absent(archive: Archive, target: Target, access: Access) -> NotFound | Gone:
    """The error for a target under which nothing was found: 410 only by setting, and only for what this caller could have seen."""
    level = target.level.value if target.level else "resource"
    if archive.on_deleted is DeletedRule.GONE and target.study is not None:
        change = await archive.index.last_change(target, access=access)
        if change is not None and change.kind is ChangeKind.DELETED:
            return Gone(f"This {level} was deleted", clause="PS3.18 10.4.3")
    return NotFound(f"There is no such {level} under the address given", clause="PS3.18 10.4.3")


async def last_modified(archive: Archive, target: Target, access: Access) -> float | None:
    """When anything under the target last came, was replaced or went; a deletion changes the set as well."""
    change = await archive.index.last_change(target, access=access)
    return None if change is None else change.at


async def newest(archive: Archive, target: Target, found: Sequence[InstanceRecord], access: Access) -> float | None:
    """As `last_modified`, when the instances under the target are at hand: a single one knows it itself."""
    return found[0].received if target.level is Level.INSTANCE else await last_modified(archive, target, access)
