"""What scopes allow (SMART App Launch 2.2, "Scopes for requesting FHIR resources"): `user/ImagingStudy.rs` and the like, two of our own.

Letters c, r, u, d, s of ImagingStudy stand for Store, Retrieve, Update, Delete, Search of DICOMweb. The older words read, write and * are
understood; a scope that is narrowed by a query (`?...`) allows nothing, since we could not keep to it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from app.model import Action

_SCOPE = re.compile(r"(system|user|patient)/(?:ImagingStudy|\*)\.(c?r?u?d?s?|read|write|\*)")
_LETTERS = {Action.STORE: "c", Action.RETRIEVE: "r", Action.UPDATE: "u", Action.DELETE: "d", Action.SEARCH: "s"}
_WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
_WHOLE = {Action.ADMINISTER: "admin", Action.REVIEW: "audit.read"}


class Reach(Enum):
    """How far a set of scopes reaches for an action."""

    NOWHERE = 0
    PATIENT = 1  # the patient in whose context a launch happened
    ANYWHERE = 2


def reach(scopes: Iterable[str], action: Action) -> Reach:
    """How far these scopes allow the action."""
    if action is Action.SIGN_IN:
        return Reach.ANYWHERE
    if action in _WHOLE:
        return Reach.ANYWHERE if _WHOLE[action] in scopes else Reach.NOWHERE
    found = Reach.NOWHERE
    for scope in scopes:
        read = _SCOPE.fullmatch(scope)
        if read is None or _LETTERS[action] not in _WORDS.get(read[2], read[2]):
            continue
        if read[1] != "patient":
            return Reach.ANYWHERE
        found = Reach.PATIENT
    return found


def sufficient(action: Action) -> str:
    """A scope that allows the action, for whoever is told what he lacks."""
    return _WHOLE.get(action) or f"user/ImagingStudy.{_LETTERS.get(action, 'rs')}"
