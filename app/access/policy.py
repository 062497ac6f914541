"""Who may see what. The first of several policies: local mode, where the local caller may do everything.

Must not know: HTTP, SQL, how a caller was found out.
"""

from __future__ import annotations

from app.errors import Forbidden
from app.model import Access, Action, Caller


class LocalPolicy:
    """`ports.AccessPolicy` of local mode: every action on every study for the local caller, nothing for any other kind of caller."""

    async def grant(self, caller: Caller, action: Action) -> Access:
        if caller.kind != "local":
            raise Forbidden("This service runs in local mode: it answers the local caller only")
        return Access()
