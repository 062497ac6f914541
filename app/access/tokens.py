"""Who sends a request. The first of several authenticators: local mode, where nobody has to log in.

Must not know: HTTP beyond the texts of a credential, what a caller may see (that is `policy.py`).
"""

from __future__ import annotations

from app.model import Caller, Credential


class LocalAuthenticator:
    """`ports.Authenticator` of local mode: everyone who reaches this service is the local caller, whatever credential they send.

    Only to be used where reaching the service is itself the proof: on this machine's own address (house rule: local mode).
    """

    async def caller(self, credential: Credential) -> Caller:
        return Caller("local", "local", credential.address)
