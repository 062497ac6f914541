"""Who sends a request. The first of several authenticators: local mode, where nobody has to log in.

Must not know: HTTP beyond the text of one header, what a caller may see (that is `policy.py`).
"""

from __future__ import annotations

from app.model import Caller


class LocalAuthenticator:
    """`ports.Authenticator` of local mode: everyone who reaches this service is the local caller, whatever credential they send.

    Only to be used where reaching the service is itself the proof: on this machine's own address (house rule: local mode).
    """

    async def caller(self, authorization: str | None, address: str) -> Caller:
        return Caller("local", "local", address)
