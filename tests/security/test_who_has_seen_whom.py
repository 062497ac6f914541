"""Mixed traffic of several callers on several patients, and a ledger kept beside it: the trail answers exactly as the ledger does."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.api.conftest import Site, open_site
from tests.cli.test_commands import Command
from tests.security.conftest import access, bearer, study
from tests.services.provider import Provider

PATIENTS = ["A1", "B2", "C3", "D4"]
CALLERS = ["jane", "joe", "script"]
REQUESTS = 400
ROOT = "1.2.826.0.1.3680043.8.498.88"

Entry = tuple[str, str, str, tuple[str, ...]]
"""Subject, action, outcome, purposes."""


@dataclass
class Ledger:
    """What was done on each patient, in order; `owners` are the patients of studies that are there."""

    owners: dict[str, str] = field(default_factory=dict)
    told: dict[str, list[Entry]] = field(default_factory=lambda: {patient: [] for patient in PATIENTS})

    def note(self, study_uid: str, entry: Entry) -> None:
        self.told[self.owners[study_uid]].append(entry)


@pytest.fixture
async def site(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", access=access(provider, tmp_path, "")):
        yield opened


def caller(provider: Provider, name: str, purpose: str, scope: str = "user/ImagingStudy.cruds") -> dict[str, str]:
    return bearer(provider.token(sub=name, scope=scope, extensions={"ihe_iua": {"purpose_of_use": [{"code": purpose}]}}))


async def traffic(site: Site, provider: Provider, ledger: Ledger, rng: random.Random) -> None:
    tokens = {(name, purpose): caller(provider, name, purpose) for name in CALLERS for purpose in ("TREAT", "HRESCH")}
    blind = caller(provider, "blind", "TREAT", "user/ImagingStudy.s")
    for number in range(REQUESTS):
        name, purpose = rng.choice(CALLERS), rng.choice(["TREAT", "HRESCH"])
        who, why = tokens[name, purpose], (purpose,)
        there = sorted(ledger.owners)
        kind = rng.choice(
            ["store", "metadata", "metadata", "frame", "frame", "search", "search", "rendered", "delete", "refused", "unknown"]
        )
        if kind == "store" or not there:
            uid, patient = f"{ROOT}.{number}", rng.choice(PATIENTS)
            assert (await site.store(study(uid, "North Hospital", patient), **who)).status_code == 200
            ledger.owners[uid] = patient
            ledger.note(uid, (name, "store", "success", why))
            continue
        uid = rng.choice(there)
        instance = f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1"
        if kind == "search":
            patient = rng.choice(PATIENTS)
            found = (await site.get(f"/studies?PatientID={patient}", "application/dicom+json", **who)).json()
            if found:
                ledger.told[patient].append((name, "search", "success", why))
        elif kind == "delete":
            if len(there) > 6:
                assert (await site.http.delete(f"/studies/{uid}", headers=who)).status_code == 204
                ledger.note(uid, (name, "delete", "success", why))
                del ledger.owners[uid]
        elif kind == "refused":
            assert (await site.get(f"/studies/{uid}/metadata", **blind)).status_code == 403
            ledger.note(uid, ("blind", "retrieve", "Forbidden", ("TREAT",)))
        elif kind == "unknown":
            assert (await site.get(f"/studies/{ROOT}.99999/metadata", **who)).status_code == 404
        else:
            path = {"metadata": f"/studies/{uid}/metadata", "frame": f"{instance}/frames/1", "rendered": f"{instance}/rendered"}[kind]
            assert (await site.get(path, **who)).status_code == 200
            ledger.note(uid, (name, "retrieve", "success", why))


async def test_who_has_seen_a_patient_when_and_why(
    site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger()
    await traffic(site, provider, ledger, random.Random(20261127))
    assert all(len(entries) > 20 for entries in ledger.told.values())
    assert len(ledger.owners) > 3
    radiolucent = Command(monkeypatch, capsys)
    for patient in PATIENTS:
        arguments = ("audit", "export", "--format", "json", "--patient", patient, "--data", site.settings.data_dir)
        answer = await asyncio.to_thread(radiolucent, *arguments)
        assert answer.returncode == 0, answer.stderr
        records = [json.loads(line) for line in answer.stdout.splitlines()]
        told = [
            (one["subject"], one["action"], one["outcome"], tuple(one.get("purposes") or ()))
            for one in records
            if one["action"] != "review"
        ]
        assert told == ledger.told[patient]
        times = [one["time"] for one in records]
        assert times == sorted(times)
    whole = await asyncio.to_thread(radiolucent, "audit", "verify", "--data", site.settings.data_dir)
    assert whole.returncode == 0, whole.stdout + whole.stderr
