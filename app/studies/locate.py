"""Find the instances for this caller, and say why there is none: absent and hidden are the same 404, damaged ones are kept back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.errors import Corrupt, Gone, NotFound
from app.model import Access, ChangeKind, DeletedRule, InstanceRecord, Level, Target
from app.ports import Archive


async def locate_one(archive: Archive, target: Target, access: Access) -> InstanceRecord:
    """The instance that the whole triple names; NotFound or Gone if any of the three UIDs does not fit."""
    async for record in archive.index.locate(target, access=access):
        if record.quarantined:
            raise quarantined()
        return record
    raise await absent(archive, target, access)


async def locate_all(archive: Archive, target: Target, access: Access) -> tuple[list[InstanceRecord], int]:
    """Every instance under the target that may be served, and how many are in quarantine. NotFound, Gone; Corrupt if all of them are."""
    found = [record async for record in archive.index.locate(target, access=access)]
    if not found:
        raise await absent(archive, target, access)
    sound = [record for record in found if not record.quarantined]
    if not sound:
        raise quarantined()
    return sound, len(found) - len(sound)


def ensure_sound(records: Iterable[InstanceRecord]) -> None:
    """Corrupt if one of them is in quarantine: for answers that are made of all of them together."""
    if any(record.quarantined for record in records):
        raise quarantined()


def quarantined() -> Corrupt:
    """Damaged bytes are never served."""
    return Corrupt("The stored data of this instance is damaged and kept back; restore it from a backup, or store the instance again")


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
