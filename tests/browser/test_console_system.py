"""The console's page of the system: how it is, what it holds, and changes as they happen."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.builders import compressed, instance, study
from tests.e2e.server import Server

JPEG_LS = "1.2.840.10008.1.2.4.80"


def test_it_tells_how_the_system_is_and_what_happens(watched: Watched, server: Server) -> None:
    server.store(*study(2, 3), compressed(JPEG_LS))
    page = watched.page
    page.goto(watched.root + "/#/system")
    page.get_by_text("Ready to serve").wait_for()
    for name in ("storage", "database", "audit", "pixels"):
        expect(page.get_by_role("row", name=name)).to_contain_text("works")
    figures = page.locator(".figures-grid")
    expect(figures).to_contain_text("Instances7")
    expect(page.get_by_role("row", name="JPEG-LS Lossless")).to_contain_text("1")
    expect(page.get_by_role("row", name="Explicit VR Little Endian")).to_contain_text("6")
    changes = page.get_by_role("region", name="The last changes").locator("tbody tr")
    expect(changes).to_have_count(7)
    uid = "1.2.826.0.1.77"
    server.store(instance(study_uid=uid))
    expect(changes.first).to_contain_text(uid)
    expect(figures).to_contain_text("Instances8")
    changes.first.get_by_role("link").click()
    page.get_by_role("heading", name="Doe, Jane").wait_for()
    assert not watched.wrong
