"""A site that asks everybody who he is: a real issuer of tokens, API keys, and a policy of who may see what."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.credentials import new_key
from tests.api.conftest import Site, open_site
from tests.builders import instance
from tests.services.provider import AUDIENCE, Provider, providing

NORTH, SOUTH = "1.2.826.0.1.3680043.8.498.7771", "1.2.826.0.1.3680043.8.498.7772"
"""Studies of two hospitals, each with one series `.1` and one instance `.1.1`."""

POLICY = """
[roles]
reader = ["user/ImagingStudy.rs"]
modality = ["system/ImagingStudy.c"]

[[rules]]
name = "Everyone may work with the studies of his own hospital"
effect = "permit"
who = { organisations = ["north"] }
studies = { InstitutionName = "North Hospital" }

[[rules]]
name = "South as well"
effect = "permit"
who = { organisations = ["south"] }
studies = { InstitutionName = "South Hospital" }

[[rules]]
name = "The chief sees all"
effect = "permit"
who = { roles = ["chief"] }

[[rules]]
name = "Nobody may see the director's studies"
effect = "deny"
studies = { PatientID = "DIRECTOR" }
"""


def study(uid: str, institution: str, patient: str, **attributes: Any) -> bytes:
    return instance(
        study_uid=uid,
        series_uid=f"{uid}.1",
        instance_uid=f"{uid}.1.1",
        PatientID=patient,
        patient_name=f"{patient}^Name",
        InstitutionName=institution,
        **attributes,
    )


def organisation(name: str) -> dict[str, Any]:
    return {"ihe_iua": {"subject_organization_id": name, "purpose_of_use": [{"code": "TREAT"}]}}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


def access(provider: Provider, folder: Path, policy: str = POLICY, **more: Any) -> dict[str, Any]:
    file = folder / "policy.toml"
    file.write_text(policy)
    return {"issuer": provider.url, "audience": AUDIENCE, "api_keys": True, "policy": file, "failures_per_minute": 100_000, **more}


@pytest.fixture
async def guarded(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    """Two studies, one of each hospital."""
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path)):
        chief = bearer(provider.token(roles=["chief"]))
        answer = await site.store(study(NORTH, "North Hospital", "N1"), study(SOUTH, "South Hospital", "S1"), **chief)
        assert answer.status_code == 200, answer.text
        yield site


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def north(provider: Provider, **claims: Any) -> dict[str, str]:
    return bearer(provider.token(extensions=organisation("north"), **claims))


async def make_key(site: Site, subject: str = "script", *scopes: str, roles: tuple[str, ...] = (), ends: float | None = None) -> str:
    now = time.time()
    text, key = new_key(subject, frozenset(scopes), frozenset(roles), now, None if ends is None else now + ends)
    assert await site.app.state.service.archive.api_keys.add(key)
    return text
