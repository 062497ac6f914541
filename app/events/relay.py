"""From the change feed to webhooks: at least once, in order for each, with a cursor that outlives the process.

Of all processes on one archive, one serves a webhook at a time (`Upkeep.lease`), and the next goes on at its position. What fails is tried
again, later and later; what fails for too long, or is refused for good, is laid aside with what is known of it, and the next one gets its
turn. Must not know: what is sent, and how (`webhooks`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from app.errors import DicomwebError
from app.events.webhooks import Courier, Outcome
from app.feed import Interest, Undelivered, Webhook
from app.model import Access, Change, Lease
from app.ports import Archive

log = logging.getLogger("radiolucent")

LEASE = 10.0
"""Seconds for which a worker has a webhook; while it delivers it says again in time that it goes on. While there is nothing to deliver
nobody has it, and nothing is written."""

LOOK = 5.0
"""Seconds from one look for new, changed and removed webhooks to the next."""

RIVAL = 2.0
"""Seconds after which a worker asks again for a webhook that another one has."""

KEPT = 1.0
"""A position is written at most so many seconds late: what was delivered meanwhile comes again after a crash."""

REFUSALS = 3
"""So often the same request is sent to a receiver that says it will never take it."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 900.0

EVERYTHING = Access()
"""A webhook is told of all studies: whoever runs the site has said so."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`give_up`: seconds for which one request is tried again."""

    give_up: float = 72 * 3600.0


async def relay(archive: Archive, courier: Courier, patience: Patience) -> None:
    """Serve all webhooks, also those that come later. Goes on until it is cancelled."""
    serving: dict[tuple[str, str], asyncio.Task[None]] = {}
    try:
        while True:
            with suppress(DicomwebError):
                wanted = {(hook.name, hook.secret) for hook in await archive.webhooks.all()}
                for key in wanted - serving.keys():
                    serving[key] = asyncio.create_task(_serve(archive, courier, patience, *key))
                for key in serving.keys() - wanted:
                    serving.pop(key).cancel()
            await asyncio.sleep(LOOK)
    finally:
        for task in serving.values():
            task.cancel()
        await asyncio.gather(*serving.values(), return_exceptions=True)


async def _serve(archive: Archive, courier: Courier, patience: Patience, name: str, secret: str) -> None:
    """Serve one webhook whenever there is something to tell it, and nobody else does."""
    read = 0
    while True:
        try:
            hook = await _find(archive, name, secret)
            if hook is None:
                return
            if (pause := hook.next_try - archive.now()) > 0:
                await asyncio.sleep(min(pause, LOOK))
                continue
            after = max(hook.position, read)
            if await archive.news.beyond(after, LOOK) <= after:
                continue
            lease = await archive.upkeep.lease(f"webhook:{name}", LEASE)
            if lease is None:
                await asyncio.sleep(RIVAL * random.uniform(0.5, 1))  # noqa: S311  # spreads rivals, guards nothing
                continue
            read = await _Turn(archive, courier, patience, lease).run(name, secret, read)
        except DicomwebError as error:
            log.warning("webhook %s waits: %s", name, error.detail)
            await asyncio.sleep(LOOK)
        except Exception as error:  # noqa: BLE001  # one webhook must not end the others
            log.error("webhook %s failed: %s", name, type(error).__name__)
            await asyncio.sleep(LOOK)


async def _find(archive: Archive, name: str, secret: str) -> Webhook | None:
    """The secret stands for the webhook: another one may have been given its name."""
    return next((hook for hook in await archive.webhooks.all() if (hook.name, hook.secret) == (name, secret)), None)


class _Turn:
    """One process's turn at one webhook: until there is nothing more to tell, or not yet, or the lease is lost."""

    def __init__(self, archive: Archive, courier: Courier, patience: Patience, lease: Lease) -> None:
        self._archive, self._courier, self._patience, self._lease = archive, courier, patience, lease
        self._clock = asyncio.get_running_loop().time
        self._held = self._written = self._clock()
        self._stored: Webhook | None = None

    async def run(self, name: str, secret: str, read: int) -> int:
        """Up to which sequence there is nothing left that is of interest to it; `read` is what is known of that already."""
        holding = asyncio.create_task(self._hold())
        hook = None
        try:
            hook = self._stored = await _find(self._archive, name, secret)
            while hook is not None and hook.next_try <= self._archive.now() and self._clock() - self._held < LEASE:
                after = max(hook.position, read)
                newest = await self._archive.news.beyond(after, KEPT)
                if newest <= after:
                    break
                changes = await self._archive.index.changes(after, hook.batch, Interest(hook.kinds), access=EVERYTHING)
                if changes:
                    hook = await self._settle(hook, changes, await self._courier.deliver(hook, changes))
                else:  # passed over in memory alone: it costs the next process one look
                    read = newest
            return read
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            if self._clock() - self._held < LEASE:  # else somebody else may have it, and be further by now
                with suppress(DicomwebError):
                    if hook is not None:
                        await self._keep(hook)
                    await self._archive.upkeep.go_on(self._lease, 0)

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with suppress(DicomwebError):
                begun = self._clock()
                if begun - self._held < LEASE:
                    await self._archive.upkeep.go_on(self._lease, LEASE)
                    self._held = begun

    async def _settle(self, hook: Webhook, changes: Sequence[Change], outcome: Outcome) -> Webhook | None:
        """The webhook as it is after this delivery; None if it was taken away meanwhile."""
        done = replace(hook, position=changes[-1].sequence, attempts=0, failing_since=0.0, next_try=0.0, trouble="")
        if not outcome.trouble:
            if hook.attempts:
                log.info("webhook %s: delivered again", hook.name)
            late = hook.attempts or self._clock() - self._written > KEPT
            return await self._keep(done) if late else done
        now = self._archive.now()
        attempts, since = hook.attempts + 1, hook.failing_since or now
        if (outcome.definite and attempts >= REFUSALS) or now - since >= self._patience.give_up:
            lost = Undelivered(hook.name, changes[0].sequence, changes[-1].sequence, attempts, since, outcome.trouble)
            log.error("webhook %s: changes %d to %d given up: %s", hook.name, lost.first, lost.last, outcome.trouble)
            return await self._keep(done, lost)
        if attempts == 1:
            log.warning("webhook %s: %s; it is tried again", hook.name, outcome.trouble)
        wait = max(pause_after(attempts), outcome.delay)
        return await self._keep(replace(hook, attempts=attempts, failing_since=since, next_try=now + wait, trouble=outcome.trouble))

    async def _keep(self, hook: Webhook, lost: Undelivered | None = None) -> Webhook | None:
        if hook != self._stored and not await self._archive.webhooks.moved(hook, lost):
            return None
        self._stored, self._written = hook, self._clock()
        return hook


def pause_after(attempts: int) -> float:
    """Seconds until the next attempt: doubled each time, and spread, so that receivers which come back are not met by all at once."""
    longest = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1)  # noqa: S311  # as above


async def retry(archive: Archive, courier: Courier, hook: Webhook) -> list[tuple[Undelivered, str]]:
    """Send what was laid aside once more, in its order, and let the webhook be tried at once; what came of each, "" for delivered."""
    told = []
    for lost in await archive.webhooks.undelivered(hook.name):
        trouble = await _again(archive, courier, hook, lost)
        if not trouble:
            await archive.webhooks.settled(lost.number)
        told.append((lost, trouble))
    await archive.webhooks.hasten(hook.name)
    return told


async def _again(archive: Archive, courier: Courier, hook: Webhook, lost: Undelivered) -> str:
    after = lost.first - 1
    while changes := await archive.index.changes(after, hook.batch, Interest(hook.kinds), access=EVERYTHING):
        portion = [change for change in changes if change.sequence <= lost.last]
        if not portion:
            break
        if trouble := (await courier.deliver(hook, portion)).trouble:
            return trouble
        after = portion[-1].sequence
    return ""
