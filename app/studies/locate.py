"""Find exactly one instance for this caller: absent and hidden are the same 404."""

from __future__ import annotations

from app.errors import NotFound
from app.model import Access, InstanceRecord, Target
from app.ports import Archive


async def locate_one(archive: Archive, target: Target, access: Access) -> InstanceRecord:
    """The instance that the whole triple names; NotFound if any of the three UIDs does not fit."""
    async for record in archive.index.locate(target, access=access):
        return record
    raise NotFound("There is no such instance under this study and series", clause="PS3.18 10.4.3")
