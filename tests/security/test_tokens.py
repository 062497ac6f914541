"""Tokens of a real issuer: keys are found and changed, the issuer may be away, introspection ends what was revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.access.claims import Naming, caller_of
from app.access.introspection import Introspection
from app.access.issuer import Issuer
from app.access.tokens import Demands, Tokens
from app.credentials import ALGORITHMS
from app.errors import Unauthorized, Unavailable
from tests.services.provider import AUDIENCE, CLIENT, Provider, ec, providing, rsa


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@asynccontextmanager
async def reading(provider: Provider, clock: Clock, **introspection: Any) -> AsyncIterator[Tokens]:
    async with httpx.AsyncClient() as client:
        asking = Introspection(client, *CLIENT, **introspection) if introspection else None
        demands = Demands(frozenset({AUDIENCE}), frozenset(ALGORITHMS), Naming(roles="realm_access.roles"))
        yield Tokens(Issuer(provider.url, client, clock), demands, lambda: time.time() + clock.at - 1000, asking)


async def test_a_good_token_names_its_caller(provider: Provider) -> None:
    async with reading(provider, Clock()) as tokens:
        text = provider.token(realm_access={"roles": ["reader"]}, scp=["openid"], aud=["other", AUDIENCE])
        caller = await tokens.caller(text, "192.0.2.1")
        assert (caller.subject, caller.kind, caller.issuer, caller.address) == ("jane", "token", provider.url, "192.0.2.1")
        assert caller.roles == {"reader"}
        assert caller.scopes == {"user/ImagingStudy.cruds", "openid"}
        assert (await tokens.caller(text, "192.0.2.2")).address == "192.0.2.2", "what is remembered is not bound to an address"


async def test_keys_are_read_once_and_a_new_one_is_found_within_half_a_minute(provider: Provider) -> None:
    clock = Clock()
    keys = "/realms/hospital/jwks_uri"
    async with reading(provider, clock) as tokens:
        await asyncio.gather(*(tokens.caller(provider.token(sub=f"user {number}"), "") for number in range(20)))
        assert provider.asked[keys] == 1
        provider.published.append(rsa("new"))
        fresh = provider.token(header={"kid": "new"}, key=rsa("new"))
        with pytest.raises(Unauthorized, match="does not publish"):
            await tokens.caller(fresh, "")
        assert provider.asked[keys] == 1, "unknown kids do not make us ask more often"
        clock.at += 31
        fresh = provider.token(header={"kid": "new"}, key=rsa("new"), iat=None)
        assert (await tokens.caller(fresh, "")).subject == "jane"
        assert provider.asked[keys] == 2
        for number in range(20):
            with pytest.raises(Unauthorized):
                await tokens.caller(provider.token(header={"kid": f"guess {number}"}, key=rsa("foreign")), "")
        assert provider.asked[keys] == 2


async def test_a_key_that_is_withdrawn_ends(provider: Provider) -> None:
    clock = Clock()
    async with reading(provider, clock) as tokens:
        await tokens.caller(provider.token(), "")
        provider.published = [ec("second")]
        clock.at += 3601
        with pytest.raises(Unauthorized):
            await tokens.caller(provider.token(exp=2**32), "")


async def test_an_issuer_that_is_away_is_missed_only_by_those_who_need_it(provider: Provider) -> None:
    clock = Clock()
    async with reading(provider, clock) as tokens:
        provider.down = True
        with pytest.raises(Unavailable):
            await tokens.caller(provider.token(), "")
        provider.down = False
        with pytest.raises(Unavailable, match="half a minute"):
            await tokens.caller(provider.token(), "")
        clock.at += 31
        assert await tokens.caller(provider.token(), "")
        provider.down = True
        clock.at += 3601
        assert await tokens.caller(provider.token(exp=2**32), ""), "its keys are known"


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(provider: Provider) -> None:
    async with httpx.AsyncClient() as client:
        issuer = Issuer(provider.url.replace("hospital", "hospital/"), client, Clock())
        with pytest.raises(Unavailable):
            await issuer.key("first", "RS256")


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_other_signatures(provider: Provider, algorithm: str) -> None:
    key = ec("second") if algorithm == "ES256" else rsa("first")
    async with reading(provider, Clock()) as tokens:
        assert await tokens.caller(provider.token(header={"alg": algorithm, "kid": key.kid}, key=key), "")
        assert await tokens.caller(provider.token(header={"alg": algorithm, "kid": None}, key=key), ""), "only one key fits"
    async with httpx.AsyncClient() as client:
        strict = Tokens(Issuer(provider.url, client, Clock()), Demands(frozenset({AUDIENCE}), frozenset({"RS512"})), Clock())
        with pytest.raises(Unauthorized, match="algorithm"):
            await strict.caller(provider.token(header={"alg": algorithm, "kid": key.kid}, key=key), "")


async def test_introspection_says_what_an_opaque_token_means(provider: Provider) -> None:
    clock = Clock()
    provider.active["opaque"] = {"active": True, "sub": "ann", "scope": "user/ImagingStudy.s", "exp": 2**32}
    async with reading(provider, clock, always=False) as tokens:
        caller = await tokens.caller("opaque", "")
        assert (caller.subject, caller.scopes) == ("ann", frozenset({"user/ImagingStudy.s"}))
        assert (await tokens.caller(provider.token(), "")).subject == "jane"
        assert provider.asked["/realms/hospital/introspection_endpoint"] == 1, "a JWT is read here"
        with pytest.raises(Unauthorized, match="not, or no longer, active"):
            await tokens.caller("unknown", "")
        provider.active.clear()
        clock.at += 31
        with pytest.raises(Unauthorized):
            await tokens.caller("opaque", "")


@pytest.mark.parametrize("said", [{"iss": "https://elsewhere.example.org"}, {"aud": "other"}, {"exp": 5}, {"nbf": 2**33}, {"sub": None}])
async def test_introspection_is_checked_as_well(provider: Provider, said: dict[str, Any]) -> None:
    provider.active["opaque"] = {"active": True, "sub": "ann", **said}
    async with reading(provider, Clock(), always=False) as tokens:
        with pytest.raises(Unauthorized):
            await tokens.caller("opaque", "")


async def test_with_always_a_jwt_that_was_revoked_ends_with_it(provider: Provider) -> None:
    clock = Clock()
    text = provider.token(exp=2**32)
    provider.active[text] = {"active": True, "sub": "jane", "exp": 2**32}
    async with reading(provider, clock, always=True) as tokens:
        assert await tokens.caller(text, "")
        provider.active.clear()
        clock.at += 31
        with pytest.raises(Unauthorized):
            await tokens.caller(text, "")


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("P1", ("site", "P1")),
        ("P1^^^&1.2.3&ISO", ("1.2.3", "P1")),
        ("P1^^^HOSP&1.2.3&ISO", ("HOSP", "P1")),
        ({"system": "urn:oid:1.2", "value": "P1"}, ("urn:oid:1.2", "P1")),
        ({"id": "P1"}, ("site", "P1")),
        ("", None),
        ({"system": "x"}, None),
        (["P1"], None),
        (7, None),
    ],
)
def test_the_patient_of_a_launch(claim: object, expected: tuple[str, str] | None) -> None:
    assert caller_of({"sub": "x", "patient": claim}, Naming(patient_issuer="site"), "").patient == expected


def test_iua_tells_of_organisation_and_purpose() -> None:
    said = {
        "subject_organization": "North",
        "subject_organization_id": "urn:oid:1.2",
        "purpose_of_use": [{"system": "x", "code": "TREAT"}, "ETREAT", 7],
    }
    caller = caller_of(
        {"sub": "x", "extensions": {"ihe_iua": said}, "https://example.org/roles": ["a"]}, Naming("https://example.org/roles"), ""
    )
    assert (caller.organisation, caller.purposes, caller.roles) == ("urn:oid:1.2", frozenset({"TREAT", "ETREAT"}), frozenset({"a"}))
