"""Why somebody may do something, or may not: what a policy answers when it is asked to explain itself. Values alone.

Must not know: who judges, who asks, where rules stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.model import Access, Action, Selection

BESIDE_STUDIES = frozenset({Action.ADMINISTER, Action.REVIEW, Action.SIGN_IN})
"""Actions that concern no study: for these, rules can only deny."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule in a decision: it `applies`, or `why` says why not. `studies` as in the rule; none: every one."""

    rule: str
    permits: bool
    applies: bool
    why: str = ""
    studies: tuple[Selection, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision: the `scopes` it rests on, what each rule said, in order; the `access` that was given, or else the `refusal`."""

    scopes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    access: Access | None = None
    refusal: str = ""
