"""Rules as values: who may do what with which studies, and when. Pure; `policy_file` reads them, `policy` puts them to use.

A rule speaks of a request if all of it fits: the caller, the action, the circumstances. Then it permits, or denies, the studies that it
selects. What it leaves out fits everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from ipaddress import IPv4Network, IPv6Network, ip_address
from zoneinfo import ZoneInfo

from app.access.certificates import Bearer
from app.model import Action, Caller, Selection

Network = IPv4Network | IPv6Network
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Who:
    """Callers: each set that is not empty has to hold, or to meet, what the caller is."""

    subjects: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class When:
    """Circumstances: purposes of use, networks of the peer, days and hours in a time zone. Hours may run over midnight."""

    purposes: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    days: frozenset[str] = frozenset()
    begins: time | None = None
    ends: time | None = None
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`studies` are selections of which one has to hold; none: every study. `actions` empty: all that concern studies."""

    name: str
    permits: bool
    who: Who = field(default_factory=Who)
    actions: frozenset[Action] = frozenset()
    studies: tuple[Selection, ...] = ()
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True)
class Labelling:
    """Studies of which one of these selections holds get the label when something is stored to them."""

    label: str
    studies: tuple[Selection, ...]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A policy file: roles as bundles of scopes, bearers of certificates by subject, rules in order."""

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bearers: Mapping[str, Bearer] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    labels: tuple[Labelling, ...] = ()


def mismatch(rule: Rule, caller: Caller, action: Action, now: float) -> str:
    """Why a rule does not speak of a request; empty if it does. `now` is seconds since 1970."""
    if rule.actions and action not in rule.actions:
        return f"it is not about {action.value}"
    return _other_caller(rule.who, caller) or _other_circumstances(rule.when, caller, now)


def _other_caller(who: Who, caller: Caller) -> str:
    single = (("subject", who.subjects, caller.subject), ("issuer", who.issuers, caller.issuer), ("kind", who.kinds, caller.kind))
    for name, wanted, own in (*single, ("organisation", who.organisations, caller.organisation)):
        if wanted and own not in wanted:
            return f"the caller's {name} is another one"
    return "the caller has none of its roles" if who.roles and not who.roles & caller.roles else ""


def _other_circumstances(when: When, caller: Caller, now: float) -> str:
    if when.purposes and not when.purposes & caller.purposes:
        return "the purpose of use is another one"
    if when.networks and not _is_within(caller.address, when.networks):
        return "the caller's address is outside of its networks"
    moment = datetime.fromtimestamp(now, UTC).astimezone(when.zone) if when.zone else datetime.fromtimestamp(now, UTC)
    if when.days and DAYS[moment.weekday()] not in when.days:
        return "it is not one of its days"
    if when.begins is not None or when.ends is not None:
        begins, ends, clock = when.begins or time.min, when.ends or time.max, moment.time()
        inside = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        return "" if inside else "it is not within its hours"
    return ""


def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        own = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(own, "ipv4_mapped", None)
    return any((mapped or own) in network for network in networks if network.version == (mapped or own).version)
