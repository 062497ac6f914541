"""Delete a study, a series or an instance. Not part of PS3.18; the usual extension: DELETE on the resource, 204.

The index row goes first and takes visibility with it at once and everywhere. The bytes stay for a while (`purge`), reachable for nobody,
so that a mistake can be taken back (`undelete`).
"""

from __future__ import annotations

from contextlib import suppress

from app.errors import NotFound, Unavailable
from app.model import Action, Caller, Target
from app.ports import Archive
from app.studies.audited import audited
from app.studies.purge import record_deletion
from app.studies.writing import blob_keys


async def delete(archive: Archive, caller: Caller, target: Target) -> int:
    """Remove everything under `target`; how many instances that were. NotFound if there is nothing for this caller."""
    async with audited(archive, caller, Action.DELETE, target) as granted:
        removed = await archive.index.remove(target, access=granted.access)
        if not removed:
            raise NotFound(f"There is no such {target.level.value if target.level else 'resource'}")
        granted.detail.update(instances=len(removed))
        keys = [key for record in removed for key in blob_keys(record)]
        # It is deleted already. What cannot be done just now, background work does.
        with suppress(Unavailable):
            await archive.derived.forget(keys)
        with suppress(Unavailable):
            await record_deletion(archive, keys)
        return len(removed)
