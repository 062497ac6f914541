"""Local mode: nobody has to log in, for only this machine can reach the service.

Must not know: HTTP beyond the texts of a credential, what a caller may see.
"""

from __future__ import annotations

from app.model import Caller, Credential

KIND = "local"


class LocalAuthenticator:
    """`ports.Authenticator` of local mode: everyone who reaches this service is the local caller, whatever credential they send.

    Only to be used where reaching the service is itself the proof: on this machine's own address (house rule: local mode).
    """

    def __init__(self, tenant: str = "") -> None:
        self._tenant = tenant

    async def caller(self, credential: Credential) -> Caller:
        return Caller("local", KIND, credential.address, tenant=self._tenant)
