"""OHIF as people use it: from the list to the pictures, in a real browser, with nothing amiss in its console."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO

import numpy as np
import pydicom
import pytest
from playwright.sync_api import TimeoutError as NotInTime

from app.dicom import transfer_syntax as syntaxes
from tests import phantom
from tests.browser.conftest import PATIENCE, Watched
from tests.e2e.server import Server
from tests.volumes import series

STUDY, ALL_SYNTAXES = "1.2.826.0.1.1", "1.2.826.0.1.2"
VIEWPORTS = "canvas.cornerstone-canvas"
DRAWN = """(least) => {
    const canvases = [...document.querySelectorAll('canvas.cornerstone-canvas')];
    return canvases.length >= least && canvases.every((canvas) => {
        if (!canvas.width || !canvas.height) return false;
        const copy = document.createElement('canvas');
        copy.width = copy.height = 64;
        const context = copy.getContext('2d');
        context.drawImage(canvas, 0, 0, 64, 64);
        const levels = context.getImageData(0, 0, 64, 64).data.filter((_, place) => place % 4 === 1);
        const mean = levels.reduce((sum, level) => sum + level, 0) / levels.length;
        return levels.reduce((sum, level) => sum + (level - mean) ** 2, 0) / levels.length > 100;
    });
}"""
"""At least so many viewports are there, and each shows more than one grey."""


@pytest.fixture(scope="module", autouse=True)
def stored(server: Server) -> None:
    z, y, x = np.mgrid[0:24, 0:96, 0:96]
    inside = np.hypot(np.hypot((z - 12) / 11, (y - 48) / 40), (x - 40) / 30) < 1
    voxels = (inside * 150 + (x + 2 * y) - 140).astype("<i2")
    described = {"patient_name": "Vieweroni^Anna", "PatientID": "V-1", "modality": "CT", "SeriesDescription": "phantom"}
    server.store(*series(voxels, study_uid=STUDY, series_uid=STUDY + ".1", StudyDate="20260101", **described))


def test_from_the_list_to_the_pictures_and_through_them(watched: Watched) -> None:
    page = watched.page
    page.goto(watched.root + "/ohif")
    page.get_by_text("Vieweroni").first.wait_for()
    page.goto(f"{watched.root}/iid?requestType=STUDY&studyUID={STUDY}")
    page.wait_for_function(DRAWN, arg=1, timeout=PATIENCE)
    page.get_by_text("Skip all").click()
    first = page.locator(VIEWPORTS).first.screenshot()
    page.locator(VIEWPORTS).first.hover()
    for _ in range(6):
        page.mouse.wheel(0, 100)
    page.get_by_text("(7/24)").wait_for()
    assert page.locator(VIEWPORTS).first.screenshot() != first
    assert not watched.wrong


def test_multi_planar_reconstruction(watched: Watched) -> None:
    watched.page.goto(f"{watched.root}/ohif/viewer?StudyInstanceUIDs={STUDY}&hangingprotocolId=mpr")
    watched.page.wait_for_function(DRAWN, arg=3, timeout=PATIENCE)
    assert not watched.wrong


def draws(watched: Watched, server: Server, syntax: str, file: bytes) -> None:
    """The study of this file alone is drawn."""
    server.store(file)
    study = str(pydicom.dcmread(BytesIO(file), force=True, stop_before_pixels=True).StudyInstanceUID)
    watched.page.goto(f"{watched.root}/ohif/viewer?StudyInstanceUIDs={study}")
    try:
        watched.page.wait_for_function(DRAWN, arg=1, timeout=PATIENCE)
    except NotInTime:
        pytest.fail(f"nothing is drawn of {syntax}: {watched.wrong}")
    assert not watched.wrong, syntax


FEW = {syntaxes.JPEG_BASELINE, syntaxes.JPEG_LS_LOSSLESS, syntaxes.HTJ2K_LOSSLESS}
"""One of each of the viewer's codecs that are bound in other ways."""


def test_its_codecs_draw_what_is_compressed(watched: Watched, server: Server) -> None:
    for syntax, file in phantom.grays():
        if syntax in FEW:
            draws(watched, server, syntax, file)


@pytest.mark.whole
@pytest.mark.parametrize("objects", [phantom.grays, phantom.colours], ids=["grayscale", "colour"])
def test_every_transfer_syntax_is_drawn(watched: Watched, server: Server, objects: Callable[[], Iterable[tuple[str, bytes]]]) -> None:
    for syntax, file in objects():
        draws(watched, server, syntax, file)
