"""The screenshots of the documents, drawn anew by `make screenshots`: the test sees that they show what they are for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import patients
from tests.e2e.server import Server

GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"
VIEW = {"width": 1280, "height": 800}
LOADED = (
    "() => [...document.querySelectorAll('.thumb img, .card img, .stage img')].every((image) => image.complete && image.naturalWidth > 0)"
)


@pytest.mark.whole
def test_the_console_is_shown(browser: Browser, server: Server, tmp_path: Path) -> None:
    for files in patients.files():
        server.store(*files)
    folder = GALLERY if os.environ.get("REDRAW_SCREENSHOTS") else tmp_path
    with browser.new_context(viewport=VIEW, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"http://127.0.0.1:{server.port}/")
        expect(page.locator(".studies tbody tr")).to_have_count(7)
        page.wait_for_function(LOADED)
        page.screenshot(path=folder / "console-worklist.png")
        page.emulate_media(color_scheme="dark")
        page.get_by_text("Lindqvist").click()
        expect(page.locator(".card")).to_have_count(3)
        page.get_by_label("Preset").select_option("Brain")
        page.locator("#step").fill("15")
        expect(page.locator(".corner.bottom")).to_have_text("15 / 28")
        page.wait_for_function(LOADED)
        page.screenshot(path=folder / "console-study.png")
    assert (folder / "console-worklist.png").stat().st_size > 20_000
    assert (folder / "console-study.png").stat().st_size > 20_000
