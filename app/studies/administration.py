"""Administration by request: API keys. What the commands do on the server's own machine, for those who may administer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.credentials import ApiKey, is_scope, new_key
from app.errors import BadRequest, Conflict, NotFound
from app.model import Action, Caller, Target
from app.ports import Archive
from app.studies.audited import audited

LONGEST_SUBJECT = 200
MOST = 32
DAYS = 3650


@dataclass(frozen=True, slots=True)
class Wish:
    """A key that somebody wants: whose it is, what it allows, and for how many days (None: for ever)."""

    subject: str
    scopes: frozenset[str]
    roles: frozenset[str]
    days: float | None


async def list_keys(archive: Archive, caller: Caller) -> Sequence[ApiKey]:
    """In the order in which they were made. Forbidden."""
    async with audited(archive, caller, Action.ADMINISTER, Target(), what="keys"):
        return await archive.api_keys.all()


async def create_key(archive: Archive, caller: Caller, wish: Wish) -> tuple[str, ApiKey]:
    """The key's text, which is shown once, and what is kept of it. BadRequest, Forbidden."""
    async with audited(archive, caller, Action.ADMINISTER, Target(), change="created") as granted:
        _ensure_possible(wish)
        now = archive.now()
        text, key = new_key(wish.subject.strip(), wish.scopes, wish.roles, now, None if wish.days is None else now + wish.days * 86400)
        granted.detail.update(key=key.prefix, of=key.subject, scopes=sorted(key.scopes), roles=sorted(key.roles))
        if not await archive.api_keys.add(key):
            raise Conflict("There is a key with this prefix already; try again")
        return text, key


async def revoke_key(archive: Archive, caller: Caller, prefix: str) -> None:
    """NotFound if there is none, or it was revoked before."""
    async with audited(archive, caller, Action.ADMINISTER, Target(), change="revoked", key=prefix[:64]):
        if not await archive.api_keys.revoke(prefix, archive.now()):
            raise NotFound("There is no such key, or it was revoked before")


def _ensure_possible(wish: Wish) -> None:
    if not wish.subject.strip() or len(wish.subject) > LONGEST_SUBJECT or not wish.subject.isprintable():
        raise BadRequest(f"subject has to be 1 to {LONGEST_SUBJECT} printable characters")
    if len(wish.scopes) + len(wish.roles) > MOST or not (wish.scopes or wish.roles):
        raise BadRequest(f"A key has 1 to {MOST} scopes and roles")
    if unknown := sorted(scope for scope in wish.scopes if not is_scope(scope)):
        raise BadRequest(f"There is no scope {unknown[0][:64]!r}; there are user/ImagingStudy.cruds and parts of it, admin, audit.read")
    if wish.days is not None and not 0 < wish.days <= DAYS:
        raise BadRequest(f"days has to be above 0 and at most {DAYS}, or null for a key that never ends")
