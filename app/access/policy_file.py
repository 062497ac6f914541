"""The policy file: TOML that people write, read into rules. `docs/reference/policy.md` is its manual, and its examples are tests.

Strict: a name that is not known, or a value that cannot be meant, is an error with the place where it stands; nothing is guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import time
from functools import partial
from ipaddress import ip_network
from itertools import product
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.access import certificates, claims, keys
from app.access.certificates import Bearer
from app.access.rules import DAYS, Labelling, Rule, RuleBook, When, Who
from app.credentials import is_scope
from app.dicomweb import selection
from app.errors import InvalidQuery, TooLarge
from app.labels import is_label
from app.model import Action, Selection

T = TypeVar("T")
MOST_SELECTIONS = 256
_EFFECTS = {"permit": True, "deny": False}
_ACTIONS = {action.value: action for action in Action if action is not Action.SIGN_IN}
_KINDS = (keys.KIND, claims.KIND, certificates.KIND)


class PolicyError(ValueError):
    """A policy file that cannot be used; the sentence says where and why."""


def read(text: str, site_keys: tuple[str, ...] = ()) -> RuleBook:
    """The rules of a file; `site_keys` are the site's own search keys (setting `search.keys`). PolicyError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"it is not TOML: {error}") from None
    _ensure_known(document, ("roles", "certificates", "labels", "rules"), "the file")
    roles = {name: _scopes(scopes, f"roles.{name}") for name, scopes in _table(document, "roles", "the file").items()}
    bearers = [_bearer(item, number, roles) for number, item in enumerate(_list(document, "certificates", "the file"), 1)]
    if len({subject for subject, _ in bearers}) < len(bearers):
        raise PolicyError("certificates: a subject stands there twice")
    rules = [_rule(item, number, site_keys) for number, item in enumerate(_list(document, "rules", "the file"), 1)]
    if len({rule.name for rule in rules}) < len(rules):
        raise PolicyError("rules: two of them have the same name")
    labels = [_labelling(item, number, site_keys) for number, item in enumerate(_list(document, "labels", "the file"), 1)]
    return RuleBook(roles, dict(bearers), tuple(rules), tuple(labels))


def _rule(item: Any, number: int, site_keys: tuple[str, ...]) -> Rule:
    place = f"rule {number}"
    if not isinstance(item, dict):
        raise PolicyError(f"{place} is no table")
    name = item.get("name", place)
    place = f"rule {number} ({name})" if name != place else place
    _ensure_known(item, ("name", "effect", "who", "do", "studies", "when"), place)
    effect = item.get("effect")
    if effect not in _EFFECTS:
        raise PolicyError(f'{place}: effect has to be "permit" or "deny"')
    actions = frozenset(_one(action, _ACTIONS, f"{place}: do") for action in _texts(item.get("do", []), f"{place}: do"))
    return Rule(
        _text(name, f"{place}: name"),
        _EFFECTS[effect],
        _who(_table(item, "who", place), place),
        actions,
        _studies(_table(item, "studies", place), place, site_keys),
        _when(_table(item, "when", place), place),
    )


def _who(table: Mapping[str, Any], place: str) -> Who:
    names = ("subjects", "issuers", "kinds", "roles", "organisations")
    _ensure_known(table, names, f"{place}: who")
    found = {name: frozenset(_texts(table.get(name, []), f"{place}: who.{name}")) for name in names}
    for kind in found["kinds"]:
        _one(kind, dict.fromkeys(_KINDS, kind), f"{place}: who.kinds")
    return Who(**found)


def _when(table: Mapping[str, Any], place: str) -> When:
    _ensure_known(table, ("purposes", "networks", "days", "from", "until", "zone"), f"{place}: when")
    texts = {name: _texts(table.get(name, []), f"{place}: when.{name}") for name in ("purposes", "networks", "days")}
    return When(
        frozenset(texts["purposes"]),
        tuple(_made(partial(ip_network, text), text, f"{place}: when.networks") for text in texts["networks"]),
        frozenset(_one(day, dict.fromkeys(DAYS, day), f"{place}: when.days") for day in texts["days"]),
        _clock(table, "from", place),
        _clock(table, "until", place),
        _zone(table, place),
    )


def _clock(table: Mapping[str, Any], name: str, place: str) -> time | None:
    value = table.get(name)
    if value is None or isinstance(value, time):
        return value
    text = _text(value, f"{place}: when.{name}")
    return _made(partial(time.fromisoformat, text), text, f"{place}: when.{name}")


def _zone(table: Mapping[str, Any], place: str) -> ZoneInfo | None:
    if "zone" not in table:
        return None
    text = _text(table["zone"], f"{place}: when.zone")
    return _made(partial(ZoneInfo, text), text, f"{place}: when.zone")


def _studies(table: Mapping[str, Any], place: str, site_keys: tuple[str, ...]) -> tuple[Selection, ...]:
    """One selection for each way to choose one value for each attribute."""
    if not table:
        return ()
    choices = [[(name, value) for value in _values(given, f"{place}: studies.{name}")] for name, given in table.items()]
    selections: list[Selection] = []
    for terms in product(*choices):
        if len(selections) == MOST_SELECTIONS:
            raise PolicyError(f"{place}: studies: the values combine in more than {MOST_SELECTIONS} ways; make several rules of it")
        found = Selection(terms, site_keys)
        try:
            selection.read(found)
        except (InvalidQuery, TooLarge) as error:
            raise PolicyError(f"{place}: studies: {error.detail}") from None
        selections.append(found)
    return tuple(selections)


def _labelling(item: Any, number: int, site_keys: tuple[str, ...]) -> Labelling:
    place = f"label {number}"
    if not isinstance(item, dict):
        raise PolicyError(f"{place} is no table")
    _ensure_known(item, ("label", "studies"), place)
    label = _text(item.get("label"), f"{place}: label")
    if not is_label(label):
        raise PolicyError(f"{place}: {label!r} is no label: letters, digits, dots, colons, hyphens and underscores")
    studies = _studies(_table(item, "studies", place), place, site_keys)
    if not studies or any(selection.labels(each) for each in studies):
        raise PolicyError(f"{place}: studies has to say which, by search keys and not by other labels")
    return Labelling(label, studies)


def _bearer(item: Any, number: int, roles: Mapping[str, frozenset[str]]) -> tuple[str, Bearer]:
    place = f"certificate {number}"
    if not isinstance(item, dict):
        raise PolicyError(f"{place} is no table")
    _ensure_known(item, ("subject", "name", "scopes", "roles"), place)
    subject = _text(item.get("subject"), f"{place}: subject")
    own = frozenset(_texts(item.get("roles", []), f"{place}: roles"))
    if unknown := own - roles.keys():
        raise PolicyError(f"{place}: there is no role {', '.join(sorted(unknown))} in this file")
    name = _text(item.get("name", subject), f"{place}: name")
    return subject, Bearer(name, _scopes(item.get("scopes", []), f"{place}: scopes"), own)


def _scopes(value: Any, place: str) -> frozenset[str]:
    scopes = _texts(value, place)
    for scope in scopes:
        if not is_scope(scope):
            raise PolicyError(
                f"{place}: {scope!r} is no scope that allows anything here, such as user/ImagingStudy.rs, admin or audit.read"
            )
    return frozenset(scopes)


def _ensure_known(table: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    if unknown := sorted(set(table) - set(names)):
        raise PolicyError(f"{place}: there is no {', '.join(unknown)}; there are {', '.join(names)}")


def _table(table: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise PolicyError(f"{place}: {name} has to be a table")
    return value


def _list(table: Mapping[str, Any], name: str, place: str) -> list[Any]:
    value = table.get(name, [])
    if not isinstance(value, list):
        raise PolicyError(f"{place}: {name} has to be an array of tables, [[{name}]]")
    return value


def _texts(value: Any, place: str) -> list[str]:
    if not isinstance(value, list):
        raise PolicyError(f"{place} has to be a list of texts")
    return [_text(item, place) for item in value]


def _values(value: Any, place: str) -> list[str]:
    values = [_text(item, place) for item in (value if isinstance(value, list) else [value])]
    if not values:
        raise PolicyError(f"{place} has no value")
    return values


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise PolicyError(f"{place} has to be a text")
    return value


def _one(value: str, known: Mapping[str, T], place: str) -> T:
    if value not in known:
        raise PolicyError(f"{place}: there is no {value!r}; there are {', '.join(known)}")
    return known[value]


def _made(make: Callable[[], T], text: str, place: str) -> T:
    try:
        return make()
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise PolicyError(f"{place}: {text!r} cannot be read") from None
