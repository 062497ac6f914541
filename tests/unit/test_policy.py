from __future__ import annotations

import pytest

from app.access.local import LocalAuthenticator
from app.access.policy import LocalPolicy
from app.errors import Forbidden
from app.model import Access, Action, Caller, Credential
from app.ports import AccessPolicy, Authenticator


@pytest.mark.parametrize("action", Action)
async def test_the_local_caller_may_do_everything(action: Action) -> None:
    policy: AccessPolicy = LocalPolicy()
    assert await policy.grant(Caller("local", "local", "127.0.0.1"), action) == Access()


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("kind", ["", "user", "LOCAL", "service"])
async def test_no_other_kind_of_caller_may_do_anything(kind: str, action: Action) -> None:
    with pytest.raises(Forbidden):
        await LocalPolicy().grant(Caller("local", kind), action)


@pytest.mark.parametrize("authorization", [None, "", "Bearer something", "Basic bm9ib2R5Og=="])
async def test_in_local_mode_everyone_is_the_local_caller(authorization: str | None) -> None:
    authenticator: Authenticator = LocalAuthenticator()
    assert await authenticator.caller(Credential(authorization, "127.0.0.1")) == Caller("local", "local", "127.0.0.1")
