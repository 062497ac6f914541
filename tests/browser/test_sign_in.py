"""Signing in, in a real browser: with a key, at an issuer, into the console and the viewer; and what those see who may not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import PATIENCE
from tests.browser.test_ohif import DRAWN
from tests.builders import multipart
from tests.e2e.server import Server, running
from tests.security.conftest import access, organisation
from tests.services.provider import CLIENT, Provider, providing
from tests.volumes import series

STUDY, OTHER = "1.2.826.0.1.31", "1.2.826.0.1.32"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    """Two studies of two hospitals."""
    folder = tmp_path_factory.mktemp("signed-in")
    settings = access(provider, folder, sign_in=True, client_id=CLIENT[0], client_secret=CLIENT[1])
    with running(
        folder / "data", environment={f"RADIOLUCENT_ACCESS__{name.upper()}": str(value) for name, value in settings.items()}
    ) as server:
        for uid, name, hospital in ((STUDY, "Seen^Anna", "North Hospital"), (OTHER, "Hidden^Berta", "South Hospital")):
            z, y, x = np.mgrid[0:6, 0:64, 0:64]
            described = {"patient_name": name, "PatientID": name, "modality": "CT", "InstitutionName": hospital, "StudyDate": "20260101"}
            body, kind = multipart(list(series((x * 8 + y * 3 + z).astype("<i2"), study_uid=uid, series_uid=f"{uid}.1", **described)))
            chief = {"Authorization": f"Bearer {provider.token(roles=['chief'])}", "Content-Type": kind}
            httpx.post(f"{server.base}/studies", content=body, headers=chief).raise_for_status()
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


def sign_in_at_issuer(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Sign in at 127.0.0.1")).click()
    page.get_by_text("I am jane").click()


def test_with_a_key_that_no_script_can_read_afterwards(page: Page, site: Server) -> None:
    command = [
        sys.executable,
        "-m",
        "app",
        "keys",
        "create",
        "reader",
        "--scope",
        "user/ImagingStudy.rs",
        "--role",
        "chief",
        "--data",
        str(site.data),
    ]
    key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]
    page.goto(f"{site.root}/#/?id=Seen^Anna")
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_be_visible()
    assert findings(page) == []
    page.get_by_label("API key").fill("rlk_wrong_key")
    page.get_by_role("button", name="Sign in with the key").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_text("Seen, Anna").click()
    page.wait_for_function("() => document.querySelector('.card img')?.naturalWidth > 0")
    page.wait_for_function("() => document.querySelector('.stage img')?.naturalWidth > 0")
    kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert key not in kept
    assert "radiolucent_session" not in kept
    page.goto(f"{site.root}/#/system")
    expect(page.get_by_role("region", name="Who am I")).to_contain_text("an API key")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    expect(dialog).to_be_visible()


def test_an_administrator_makes_and_revokes_keys(page: Page, site: Server, provider: Provider) -> None:
    provider.user = {"roles": ["chief"], "sub": "root", "scope": "user/ImagingStudy.rs admin"}
    page.goto(f"{site.root}/#/system")
    sign_in_at_issuer(page)
    keys = page.locator("rl-keys")
    page.get_by_label("Whose").fill("<b>ct1</b>")
    page.get_by_role("button", name="Make a key").click()
    text = keys.locator("code").inner_text()
    assert httpx.get(f"{site.root}/session", headers={"Authorization": f"Bearer {text}"}).json()["subject"] == "<b>ct1</b>"
    assert findings(page) == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke the key of <b>ct1</b>").click()
    expect(keys.get_by_role("row", name="<b>ct1</b>")).to_contain_text("revoked")
    page.wait_for_timeout(2100)
    assert httpx.get(f"{site.root}/session", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_at_the_issuer_and_only_what_one_may_see_is_there(page: Page, site: Server, provider: Provider) -> None:
    provider.user = {"extensions": organisation("north"), "sub": "jane"}
    page.goto(f"{site.root}/#/")
    sign_in_at_issuer(page)
    page.get_by_text("Seen, Anna").wait_for()
    expect(page.get_by_text("Hidden")).to_have_count(0)
    expect(page.locator(".who").first).to_contain_text("jane")
    page.goto(f"{site.root}/#/studies/{OTHER}")
    expect(page.locator("main")).to_contain_text("no such", ignore_case=True)


def test_the_viewer_leads_to_signing_in_and_back_and_draws(page: Page, site: Server, provider: Provider) -> None:
    provider.user = {"extensions": organisation("north"), "sub": "jane"}
    wrong: list[str] = []
    page.on(
        "response",
        lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 and "/dicom-web/" in answer.url else None,
    )
    page.goto(f"{site.root}/ohif/viewer?StudyInstanceUIDs={STUDY}")
    sign_in_at_issuer(page)
    page.wait_for_url(f"{site.root}/ohif/viewer?StudyInstanceUIDs={STUDY}")
    page.wait_for_function(DRAWN, arg=1, timeout=PATIENCE)
    assert wrong == []
    page.goto(f"{site.root}/ohif")
    page.get_by_text("Seen").first.wait_for()
    expect(page.get_by_text("Hidden")).to_have_count(0)
    with page.expect_response(lambda answer: OTHER in answer.url and "/dicom-web/" in answer.url) as refused:
        page.goto(f"{site.root}/ohif/viewer?StudyInstanceUIDs={OTHER}")
    assert refused.value.status == 404 or refused.value.json() == []
