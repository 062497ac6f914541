"""Why a caller may or may not: the policy's own words, and what its rules say of one study. Nothing is done on the caller's behalf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.model import Access, Action, Caller, Target, Uid
from app.ports import Archive, Index
from app.reasons import BESIDE_STUDIES, Explanation, Verdict
from app.studies.audited import audited


@dataclass(frozen=True, slots=True)
class OfStudy:
    """Whether the study is `there`, whether the caller may (`covered`), and the rules that speak of it by name: those that apply to the
    caller and select it."""

    there: bool = False
    covered: bool = False
    rules: Sequence[str] = field(default=())


async def explain(
    archive: Archive, caller: Caller, about: Caller, actions: Sequence[Action], at: float | None, study: Uid | None
) -> dict[Action, tuple[Explanation, OfStudy | None]]:
    """What `about` may do, each action by itself, on the study if there is one. Forbidden."""
    facts = {"about": about.subject, "actions": [action.value for action in actions]}
    async with audited(archive, caller, Action.ADMINISTER, Target(study), what="policy", **facts):
        found = {action: await archive.policy.explain(about, action, at) for action in actions}
        return {action: (told, await of_study(archive.index, action, told, study)) for action, told in found.items()}


async def of_study(index: Index, action: Action, told: Explanation, study: Uid | None) -> OfStudy | None:
    """What the explanation means for one study; None for an action that concerns none."""
    if study is None or action in BESIDE_STUDIES:
        return None
    if not await index.digests(Target(study), access=Access()):
        return OfStudy()
    rules = [verdict.rule for verdict in told.verdicts if verdict.applies and await _selects(index, study, verdict)]
    return OfStudy(True, told.access is not None and await _covers(index, study, told.access), rules)


async def _selects(index: Index, study: Uid, verdict: Verdict) -> bool:
    return not verdict.studies or await _covers(index, study, Access(permitted=verdict.studies))


async def _covers(index: Index, study: Uid, access: Access) -> bool:
    """Of a study that is there."""
    return not await index.hidden([study], access=access)
