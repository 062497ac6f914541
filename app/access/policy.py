"""What a caller may see and do: scopes say which actions, rules say which studies, and a denial wins over every permission.

Without rules the scopes decide alone; with them nothing is permitted that no rule permits. The local caller, and the commands on this
machine, may do everything. Must not know: HTTP, SQL, how a caller was found out.
"""

from __future__ import annotations

from collections.abc import Callable

from app.access import local
from app.access.rules import Rule, RuleBook, mismatch
from app.access.scopes import Reach, reach, sufficient
from app.errors import Forbidden
from app.model import Access, Action, Caller, Selection
from app.reasons import BESIDE_STUDIES, Explanation, Verdict

_WILD = frozenset("*?\\")


class RulePolicy:
    """`ports.AccessPolicy` of scopes and rules; `book` gives the rules as they are now, or None, `now` seconds since 1970."""

    def __init__(self, book: Callable[[], RuleBook | None], now: Callable[[], float]) -> None:
        self._book = book
        self._now = now

    async def grant(self, caller: Caller, action: Action) -> Access:
        """Forbidden if nothing at all is allowed."""
        return decide(self._book(), caller, action, self._now())

    async def explain(self, caller: Caller, action: Action, at: float | None = None) -> Explanation:
        return explain(self._book(), caller, action, self._now() if at is None else at)


class LocalPolicy:
    """`ports.AccessPolicy` of local mode: every action on every study for the local caller, nothing for any other kind of caller."""

    async def grant(self, caller: Caller, action: Action) -> Access:
        if caller.kind != local.KIND:
            raise Forbidden("This service runs in local mode: it answers the local caller only")
        return Access()

    async def explain(self, caller: Caller, action: Action, at: float | None = None) -> Explanation:
        if caller.kind != local.KIND:
            return Explanation(refusal="This service runs in local mode: it answers the local caller only")
        return Explanation(access=Access())


def decide(book: RuleBook | None, caller: Caller, action: Action, now: float) -> Access:
    """Forbidden if nothing at all is allowed; `now` is seconds since 1970."""
    if caller.kind == local.KIND:
        return Access()
    within = _within(book, caller, action)
    if book is None or not book.rules:
        return Access(within=within)
    applying = [rule for rule in book.rules if not mismatch(rule, caller, action, now)]
    denied = [rule for rule in applying if not rule.permits and (rule.actions or action not in BESIDE_STUDIES)]
    if any(not rule.studies for rule in denied):
        raise Forbidden("A rule of the policy denies this to this caller")
    if action in BESIDE_STUDIES:
        return Access()
    permitting = [rule for rule in applying if rule.permits]
    if not permitting:
        raise Forbidden("No rule of the policy permits this to this caller")
    permitted = None if any(not rule.studies for rule in permitting) else _all(permitting)
    return Access(permitted=permitted, within=within, denied=_all(denied))


def explain(book: RuleBook | None, caller: Caller, action: Action, now: float) -> Explanation:
    """The decision of `decide`, with what each rule says of it."""
    found = []
    for rule in book.rules if book else ():
        why = mismatch(rule, caller, action, now)
        found.append(Verdict(rule.name, rule.permits, not why, why, rule.studies))
    scopes, verdicts = tuple(sorted(scopes_of(book, caller))), tuple(found)
    try:
        return Explanation(scopes, verdicts, decide(book, caller, action, now))
    except Forbidden as error:
        return Explanation(scopes, verdicts, refusal=error.detail)


def scopes_of(book: RuleBook | None, caller: Caller) -> frozenset[str]:
    """Those of the credential and those that the caller's roles are bundles of."""
    bundles = book.roles if book else {}
    return caller.scopes.union(*(bundles.get(role, frozenset()) for role in caller.roles))


def _within(book: RuleBook | None, caller: Caller, action: Action) -> tuple[Selection, ...]:
    """How far the scopes reach: everywhere, or one patient. Forbidden if nowhere."""
    found = reach(scopes_of(book, caller), action)
    if found is Reach.NOWHERE:
        scope = sufficient(action)
        raise Forbidden(f"The credential does not allow this; a scope such as {scope} would", clause="RFC 6750 3.1", scope=scope)
    if found is Reach.ANYWHERE:
        return ()
    if caller.patient is None:
        raise Forbidden("The credential is bound to a patient, and does not say to whom", clause="SMART App Launch 2.2")
    issuer, patient = caller.patient
    if _WILD & set(patient + issuer) or not patient.strip():
        raise Forbidden("The credential is bound to a patient whose identifier cannot be one of DICOM", clause="PS3.5 6.2")
    terms = (("PatientID", patient),) + ((("IssuerOfPatientID", issuer),) if issuer else ())
    return (Selection(terms),)


def _all(rules: list[Rule]) -> tuple[Selection, ...]:
    return tuple(dict.fromkeys(selection for rule in rules for selection in rule.studies))
