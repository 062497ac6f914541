"""Two users of different rights look at their studies at the same time, again and again, through warm caches: neither sees the other's."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session

from app.model import Action, Credential
from tests.api.conftest import Site
from tests.e2e.server import running
from tests.security.conftest import NORTH, SOUTH, access, bearer, organisation, study
from tests.services.provider import Provider

DICOM_JSON = "application/dicom+json"
ROUNDS = 4


def walk(uid: str) -> list[tuple[str, str]]:
    """What a viewer asks for on its way from the list to the pixels, and what others may ask."""
    series, instance = f"/studies/{uid}/series/{uid}.1", f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1"
    return [
        ("/studies?limit=101&offset=0&includefield=00081030,00080060&fuzzymatching=false", DICOM_JSON),
        (f"/studies?StudyInstanceUID={uid}", DICOM_JSON),
        ("/patients", DICOM_JSON),
        (f"/studies/{uid}/series?includefield=00080021", DICOM_JSON),
        (f"{series}/instances", DICOM_JSON),
        (f"{series}/metadata", DICOM_JSON),
        (f"/studies/{uid}/metadata", DICOM_JSON),
        (f"{instance}/metadata", DICOM_JSON),
        (f"{instance}/frames/1", "multipart/related; type=application/octet-stream; transfer-syntax=*"),
        (f"{instance}/bulkdata/7FE00010", "application/octet-stream"),
        (instance, "application/dicom"),
        (series, "multipart/related; type=application/dicom"),
        (f"/studies/{uid}", "application/zip"),
        (f"{instance}/rendered", "image/png"),
        (f"{instance}/thumbnail", "image/jpeg"),
        (f"{series}/thumbnail", "image/jpeg"),
        (f"/studies/{uid}/thumbnail", "image/jpeg"),
        ("/changes", "application/json"),
        (f"/wado?requestType=WADO&studyUID={uid}&seriesUID={uid}.1&objectUID={uid}.1.1&contentType=application/dicom", "*/*"),
    ]


def user(provider: Provider, name: str) -> dict[str, str]:
    return bearer(provider.token(sub=f"user of {name}", extensions=organisation(name)))


async def look(site: Site, headers: dict[str, str], own: str, other: str, words: list[str]) -> dict[str, str]:
    """One walk through what is ours, and one through what is not; gives the ETags that were seen."""
    etags = {}
    for path, accept in walk(own):
        answer = await site.get(path, accept, **headers)
        assert answer.status_code == 200, (path, answer.text)
        for word in (other, *words):
            assert word.encode() not in answer.content, path
            assert word not in str(answer.headers), path
        etags[path] = answer.headers.get("etag", "")
    for path, accept in walk(other):
        if other in path:
            answer = await site.get(path, accept, **headers)
            assert answer.status_code == 404 or answer.content == b"[]", path
    return etags


async def test_neither_sees_anything_of_the_other(guarded: Site, provider: Provider) -> None:
    north, south = user(provider, "north"), user(provider, "south")
    walks = []
    for _ in range(ROUNDS):
        walks.append(look(guarded, north, NORTH, SOUTH, ["S1", "South Hospital"]))
        walks.append(look(guarded, south, SOUTH, NORTH, ["N1^", "North Hospital"]))
    seen = await asyncio.gather(*walks)
    for path, etag in seen[1].items():  # to know what another one has is no proof of the right to have it
        if etag and SOUTH in path:
            answer = await guarded.get(path, **{**north, "If-None-Match": etag})
            assert answer.status_code == 404 or answer.content == b"[]", path


async def test_rights_that_end_end_at_once_in_spite_of_caches(guarded: Site, provider: Provider) -> None:
    north = user(provider, "north")
    await look(guarded, north, NORTH, SOUTH, [])
    archive = guarded.app.state.service.archive
    assert (await archive.policy.grant(await caller(guarded, north), Action.SEARCH)).permitted
    chief = bearer(provider.token(roles=["chief"]))
    await guarded.http.delete(f"/studies/{NORTH}", headers=chief)
    await guarded.store(study(NORTH, "South Hospital", "N1"), **chief)
    for path, accept in walk(NORTH):
        if NORTH in path:
            answer = await guarded.get(path, accept, **north)
            assert answer.status_code == 404 or answer.content == b"[]", path


async def test_a_policy_file_that_changes_applies_within_a_second(guarded: Site, provider: Provider, tmp_path: Path) -> None:
    north = user(provider, "north")
    assert len((await guarded.get("/studies", DICOM_JSON, **north)).json()) == 1
    file = tmp_path / "policy.toml"
    good = file.read_text()
    for text, status, found in (('[[rules]]\neffect = "maybe"', 200, 1), (good.replace('["north"]', '["nobody"]'), 403, 0), (good, 200, 1)):
        file.write_text(text)
        await asyncio.sleep(1.1)
        answer = await guarded.get("/studies", DICOM_JSON, **north)
        assert (answer.status_code, len(answer.json()) if status == 200 else 0) == (status, found)


async def caller(site: Site, headers: dict[str, str]) -> Any:
    return await site.app.state.service.authenticator.caller(Credential(headers["Authorization"]))


def test_a_foreign_client_walks_with_a_token(tmp_path: Path, provider: Provider) -> None:
    """dicomweb-client, two sessions, a real server of two workers."""
    settings = access(provider, tmp_path)
    environment = {f"RADIOLUCENT_ACCESS__{name.upper()}": str(value) for name, value in settings.items()}
    with running(tmp_path / "data", workers=2, environment=environment) as server:
        clients = {}
        for name in ("north", "south"):
            session = create_session()
            session.headers.update(user(provider, name))
            clients[name] = DICOMwebClient(server.base, session=session)
        for name, uid, institution in (("north", NORTH, "North Hospital"), ("south", SOUTH, "South Hospital")):
            clients[name].store_instances([pydicom.dcmread(BytesIO(study(uid, institution, name.upper())))])
        for _ in range(5):
            for name, own, other in (("north", NORTH, SOUTH), ("south", SOUTH, NORTH)):
                client = clients[name]
                assert [found["0020000D"]["Value"] for found in client.search_for_studies()] == [[own]]
                assert len(client.search_for_instances()) == 1
                assert client.retrieve_study_metadata(own)
                assert client.retrieve_instance_frames(own, f"{own}.1", f"{own}.1.1", [1])
                assert client.search_for_series(other) == []
                for refused in (client.retrieve_study_metadata, client.retrieve_study, client.delete_study):
                    with pytest.raises(Exception, match="404"):
                        refused(other)
