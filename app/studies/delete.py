"""Delete a study, a series or an instance. Not part of PS3.18; the usual extension: DELETE on the resource, 204.

The index row goes first and takes visibility with it at once and everywhere; the bytes follow. Should a crash come in between, the index
still lists their keys as unused, and the sweeper ends the work.
"""

from __future__ import annotations

from app.errors import NotFound
from app.model import Action, Caller, Target
from app.ports import Archive
from app.studies.audited import audited
from app.studies.store import blob_keys, remove_unused


async def delete(archive: Archive, caller: Caller, target: Target) -> int:
    """Remove everything under `target`; how many instances that were. NotFound if there is nothing for this caller."""
    async with audited(archive, caller, Action.DELETE, target) as granted:
        removed = await archive.index.remove(target, access=granted.access)
        if not removed:
            raise NotFound(f"There is no such {target.level.value if target.level else 'resource'}")
        granted.detail.update(instances=len(removed))
        await remove_unused(archive, [key for record in removed for key in blob_keys(record)])
        return len(removed)
