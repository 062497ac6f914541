"""What is told of changes, and what that takes of the world: the words of the feed beside `model`, and its Protocols beside `ports`.

`Feed` is the part of the index that reads change rows, `News` what wakes those who wait for them. Must not know: HTTP, SQL, who fulfils it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.model import Access, Change, ChangeKind, Target, Uid


@dataclass(frozen=True, slots=True)
class Interest:
    """Which changes somebody wants to hear of: all, unless it names kinds, studies, or a time (seconds since 1970) since when."""

    kinds: frozenset[ChangeKind] = frozenset()
    studies: frozenset[Uid] = frozenset()
    since: float | None = None


EVERYTHING = Interest()

NEWS = "news"
"""Under this name of the application's state the server finds its `News`, to say that it is about to end."""


class Feed(Protocol):
    """The change rows of the index. A sequence that a reader has seen is never followed by a lower one."""

    async def changes(
        self, after: int, limit: int, interest: Interest = EVERYTHING, *, upto: int | None = None, access: Access
    ) -> Sequence[Change]:
        """Changes with a sequence above `after`, ascending. With `upto`, which is at most `newest`, none beyond it: then many who ask the
        same at the same time cost one read."""

    async def latest_change(self, interest: Interest = EVERYTHING, *, access: Access) -> Change | None:
        """The change with the highest sequence."""

    async def last_change(self, target: Target, *, access: Access) -> Change | None:
        """The newest change at or under a target that names a study, be it there or gone; None if this caller never had it."""

    async def newest(self) -> int:
        """The highest sequence of all, 0 if there is none: that something has happened, and to nobody what. For `News` alone."""


class News(Protocol):
    """Wakes those who wait for changes; however many wait, there is one look at the database at a time."""

    @property
    def ended(self) -> bool:
        """The server is about to end: nobody should wait any more."""

    async def beyond(self, sequence: int, seconds: float) -> int:
        """The newest sequence, once it is above this one; after so many seconds, or when the server ends, whatever it is then."""

    def end(self) -> None:
        """Say that the server is about to end."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A place that is told of changes, and how far that has come.

    `secret` signs what is sent. `batch`: so many changes in one request, at most; 1: each alone, not in a list. What has a sequence up to
    `position` was delivered or given up. `attempts` have failed in a row since `failing_since` (seconds since 1970), the last one
    because of `trouble`; there is to be none before `next_try`.
    """

    name: str
    url: str
    secret: str
    kinds: frozenset[ChangeKind] = frozenset()
    batch: int = 1
    position: int = 0
    attempts: int = 0
    failing_since: float = 0.0
    next_try: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Changes that a webhook was not told of in spite of all attempts: from the first to the last sequence of one request."""

    webhook: str
    first: int
    last: int
    attempts: int
    since: float
    trouble: str
    number: int = 0


class Webhooks(Protocol):
    """The webhooks of the site, kept with the index. Secrets are in them: not for logs."""

    async def all(self) -> Sequence[Webhook]:
        """By name."""

    async def add(self, webhook: Webhook) -> bool:
        """False if the name is taken."""

    async def remove(self, name: str) -> bool:
        """With all that it was not told of; False if there is none."""

    async def moved(self, webhook: Webhook, undelivered: Undelivered | None = None) -> bool:
        """Write its position and its troubles as they are here, and what is given up, in one transaction. False if it is there no more."""

    async def hasten(self, name: str) -> None:
        """Its next attempt may be made at once."""

    async def undelivered(self, name: str) -> Sequence[Undelivered]:
        """What was given up, the oldest first."""

    async def settled(self, number: int) -> None:
        """Forget one of these: it was delivered after all."""
