"""OHIF with what it shows in ways of its own: reports, documents, slides, moving pictures; and its dialog for uploads."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser import kinds
from tests.browser.conftest import PATIENCE, Watched
from tests.browser.test_ohif import DRAWN, VIEWPORTS
from tests.builders import instance, part10
from tests.e2e.server import Server

pytestmark = pytest.mark.whole

ROOT = "1.2.826.0.1."
COLOURED = """([selector, least]) => [...document.querySelectorAll(selector)].some((canvas) => {
    if (!canvas.width || !canvas.height) return false;
    const copy = document.createElement('canvas');
    copy.width = copy.height = 64;
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0, 64, 64);
    const data = context.getImageData(0, 0, 64, 64).data;
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4)
        coloured += Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 60;
    return coloured > least;
})"""
"""One of these canvases has more than so many of 4096 points in colour."""


def opened(watched: Watched, study: str) -> Page:
    watched.page.goto(f"{watched.root}/ohif/viewer?StudyInstanceUIDs={study}")
    watched.page.get_by_text("Skip all").click()
    return watched.page


def test_measurements_of_a_report_lie_on_their_image(watched: Watched, server: Server) -> None:
    images = kinds.head(ROOT + "42")
    server.store(*map(part10, images), kinds.measurements(images))
    page = opened(watched, ROOT + "42")
    page.get_by_text("one length").dblclick()
    page.locator("[data-cy=yes-hydrate-btn]").wait_for()
    page.wait_for_function(DRAWN, arg=1, timeout=PATIENCE)
    expect(page.locator(".svg-layer").first).to_contain_text("mm")
    assert not watched.wrong


def test_a_report_is_read(watched: Watched, server: Server) -> None:
    server.store(kinds.report(ROOT + "43", "No fracture."))
    page = opened(watched, ROOT + "43")
    expect(page.get_by_text("No fracture.")).to_be_visible()
    assert not watched.wrong


def test_a_document_is_shown_in_its_place(watched: Watched, server: Server) -> None:
    server.store(kinds.letter(ROOT + "44"))
    with watched.page.expect_request(lambda request: request.url.endswith("/pdf_viewer.js")):
        opened(watched, ROOT + "44")
    assert not watched.wrong


def test_a_slide_is_put_together_of_its_tiles(watched: Watched, server: Server) -> None:
    server.store(*kinds.slide(ROOT + "46"))
    page = opened(watched, ROOT + "46")
    page.wait_for_function(COLOURED, arg=[".ol-layer canvas, canvas.ol-layer", 500], timeout=PATIENCE)
    assert not watched.wrong


def test_the_frames_of_a_cine_follow_one_another(watched: Watched, server: Server) -> None:
    server.store(kinds.cine(ROOT + "45"))
    page = opened(watched, ROOT + "45")
    page.wait_for_function(DRAWN, arg=1, timeout=PATIENCE)
    first = page.locator(VIEWPORTS).first.screenshot()
    page.locator(VIEWPORTS).first.hover()
    page.mouse.wheel(0, 100)
    page.get_by_text("(2/20)").wait_for()
    assert page.locator(VIEWPORTS).first.screenshot() != first
    assert not watched.wrong


def test_what_its_dialog_uploads_is_in_the_list(watched: Watched) -> None:
    page = watched.page
    page.goto(watched.root + "/ohif")
    page.get_by_text("Upload").first.click()
    file: FilePayload = {"name": "one.dcm", "mimeType": "application/dicom", "buffer": instance(patient_name="Kind^Uploaded")}
    with page.expect_response(lambda answer: answer.request.method == "POST") as stored:
        page.locator("input[type=file]").first.set_input_files(file)
    assert stored.value.status == 200
    page.goto(watched.root + "/ohif")
    page.get_by_text("Kind, Uploaded").first.wait_for()
    assert not watched.wrong
