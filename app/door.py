"""The door: from settings to who is let in and what he may. `main` puts it before the archive, the commands ask the same policy.

Must not know: HTTP, the index beyond `credentials.ApiKeys`.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.access import policy_file
from app.access.certificates import Bearer
from app.access.chain import Chain
from app.access.claims import Naming
from app.access.introspection import Introspection
from app.access.issuer import Issuer
from app.access.keys import KeyRing
from app.access.local import LocalAuthenticator
from app.access.policy import LocalPolicy, RulePolicy
from app.access.policy_file import PolicyError
from app.access.rules import RuleBook
from app.access.sessions import Sessions
from app.access.sign_in import CodeFlow
from app.access.tokens import Demands, Tokens
from app.buckets import Buckets
from app.credentials import ApiKeys, Doorplate, Issuers, SessionMaker, SignIn
from app.dicomweb.selection import covers
from app.labels import KeptLabels
from app.model import Access, InstanceRecord
from app.ports import AccessPolicy, Authenticator
from app.settings import Settings, SettingsError

log = logging.getLogger("radiolucent")
LOOK_SECONDS = 1.0
"""How often, at most, the policy file is looked at for changes."""

_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """What the HTTP side needs of it. `sessions` is None where nobody is asked who he is."""

    authenticator: Authenticator
    plate: Doorplate
    sessions: SessionMaker | None = None
    issuer: Issuers | None = None
    sign_in: SignIn | None = None


def open_policy(settings: Settings) -> AccessPolicy:
    """SettingsError if the policy file cannot be used."""
    if not settings.access.asks and settings.access.policy is None:
        return LocalPolicy()
    return RulePolicy(open_book(settings), time.time)


def open_book(settings: Settings) -> Callable[[], RuleBook | None]:
    """The rules as they are now; None without a file. SettingsError if it cannot be used at first; later the last good one stays."""
    path = settings.access.policy
    return Book(path, settings.search.keys).now if path is not None else lambda: None


class SiteLabels:
    """`labels.Labels`: kept by the index, given by the rules of the policy file as it is now."""

    def __init__(self, kept: KeptLabels, book: Callable[[], RuleBook | None]) -> None:
        self.of, self.add, self.remove = kept.of, kept.add, kept.remove
        self._book = book

    def by_rule(self, records: Sequence[InstanceRecord]) -> frozenset[str]:
        book = self._book()
        rules = book.labels if book else ()
        return frozenset(rule.label for rule in rules if covers(Access(permitted=rule.studies), records))


@asynccontextmanager
async def open_door(settings: Settings, keys: ApiKeys) -> AsyncIterator[Door]:
    """SettingsError if the policy file, or the secret of sessions, cannot be used."""
    access = settings.access
    if not access.asks:
        yield Door(LocalAuthenticator(settings.tenant), Doorplate())
        return
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False, trust_env=True))
        ring = KeyRing(keys, time.time) if access.api_keys else None
        secret = _secret(settings)
        sessions = Sessions(secret, access.session_hours * 3600, time.time, ring.ensure_valid if ring else None, settings.tenant)
        issuer = Issuer(access.issuer, client, time.monotonic) if access.issuer else None
        tokens = _tokens(settings, issuer, client) if issuer else None
        chain = Chain(
            tokens=tokens,
            ring=ring,
            sessions=sessions,
            bearers=_bearers(settings),
            failures=Buckets(access.failures_per_minute, time.monotonic),
            now=time.monotonic,
            tenant=settings.tenant,
        )
        plate = Doorplate(True, issuer is not None, ring is not None, access.certificates)
        yield Door(chain, plate, sessions, issuer, _sign_in(settings, issuer, tokens, client, secret) if issuer and tokens else None)


def _tokens(settings: Settings, issuer: Issuer, client: httpx.AsyncClient) -> Tokens:
    access = settings.access
    introspection = None
    if access.introspection != "never" and access.client_secret is not None:
        always = access.introspection == "always"
        introspection = Introspection(client, access.client_id, access.client_secret.get_secret_value(), always=always)
    demands = Demands(frozenset(access.audience), frozenset(access.algorithms), _naming(settings), _tenant(settings))
    return Tokens(issuer, demands, time.time, introspection)


def _sign_in(settings: Settings, issuer: Issuer, tokens: Tokens, client: httpx.AsyncClient, secret: bytes) -> CodeFlow | None:
    access = settings.access
    if not access.sign_in:
        return None
    # An id token is meant for the client that asked for it.
    demands = Demands(frozenset({access.client_id}), frozenset(access.algorithms), _naming(settings), _tenant(settings))
    return CodeFlow(
        client,
        access.client_id,
        access.client_secret.get_secret_value() if access.client_secret else "",
        access.sign_in_scopes,
        facts=issuer.facts,
        identities=Tokens(issuer, demands, time.time),
        tokens=tokens,
        secret=secret,
        now=time.time,
        tenant=settings.tenant,
    )


def _naming(settings: Settings) -> Naming:
    access = settings.access
    return Naming(access.roles_claim, settings.tenants.claim, access.patient_claim, access.patient_issuer)


def _tenant(settings: Settings) -> str | None:
    """What tokens have to say of tenants: nothing where there are none."""
    return settings.tenant if settings.tenant or settings.tenants.names else None


def _bearers(settings: Settings) -> Callable[[], Mapping[str, Bearer]]:
    book = open_book(settings)

    def now() -> Mapping[str, Bearer]:
        rules = book() if settings.access.certificates else None
        return rules.bearers if rules else {}

    return now


class Book:
    """A policy file, read anew when it has changed."""

    def __init__(self, path: Path, site_keys: tuple[str, ...]) -> None:
        """SettingsError, with a sentence, if it cannot be used."""
        self._path = path
        self._site_keys = site_keys
        self._looked = time.monotonic()
        try:
            self._stamp = self._stamp_now()
            self._book = self._read()
        except (OSError, ValueError) as error:
            raise SettingsError(f"RADIOLUCENT_ACCESS__POLICY: {path}: {_sentence(error)}") from None

    def now(self) -> RuleBook:
        """What cannot be read changes nothing: neither does a slip of the editor open the door, nor does it shut everybody out."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return self._book
        self._looked = time.monotonic()
        try:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._stamp = stamp
                self._book = self._read()
                log.info("the policy file has changed: its %d rules apply from now on", len(self._book.rules))
        except (OSError, ValueError) as error:
            log.error("the policy file has changed and cannot be used, so the rules from before go on: %s", _sentence(error))
        return self._book

    def _stamp_now(self) -> tuple[int, int, int]:
        found = os.stat(self._path)
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> RuleBook:
        if self._stamp[1] > _LARGEST:
            raise PolicyError("it is larger than a policy file can be")
        return policy_file.read(self._path.read_text(encoding="utf-8"), self._site_keys)


def _sentence(error: Exception) -> str:
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)


def _secret(settings: Settings) -> bytes:
    """The secret of sessions: as it is set, or a file that the first worker makes, for its owner only."""
    given = settings.access.session_secret
    if given is not None and given.get_secret_value():
        return given.get_secret_value().encode()
    path = settings.secret_path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # whoever comes first: nobody sees half a secret
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path} can be read by others: chmod 600 it, or remove it to end all sessions")
        return path.read_text(encoding="ascii").strip().encode()
    except OSError as error:
        raise SettingsError(f"The secret of sessions cannot be kept in {path} ({error.strerror})") from None
