"""The console as people use it: finding a study, looking at it, reading its metadata, taking it elsewhere, deleting it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zipfile import ZipFile

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.builders import dataset, instance, part10
from tests.e2e.server import Server
from tests.volumes import item, series

CT, MARKUP, PARTS = "1.2.826.0.1.11", "1.2.826.0.1.12", "1.2.826.0.1.13"
EVIL = "<b>Bold</b><svg onload>^<script>document.title</script>"
BARS = "<script>document.title='owned'</script>&amp;"


@pytest.fixture(scope="module", autouse=True)
def stored(server: Server) -> None:
    z, y, x = np.mgrid[0:8, 0:64, 0:64]
    voxels = ((np.hypot(y - 32, x - 24 - 2 * z) < 20) * 200 + x - 40).astype("<i2")
    described = {"modality": "CT", "StudyDescription": "Head", "SeriesDescription": "Axial", "AccessionNumber": "A-77"}
    server.store(*series(voxels, study_uid=CT, patient_name="Kowalska^Anna", PatientID="K-1", StudyDate="20260302", **described))
    private = dataset(study_uid=MARKUP, patient_name=EVIL, PatientID="M-1", StudyDate="20200101", StudyDescription=BARS, modality="MR")
    block = private.private_block(0x0009, "RADIOLUCENT TEST", create=True)
    block.add_new(0x01, "LO", "private value")
    private.RequestAttributesSequence = [item(ScheduledProcedureStepID="STEP-9", RequestedProcedureDescription="nested <i>text</i>")]
    private.add_new(0x00420011, "OB", bytes(5000))
    server.store(part10(private))
    for number in range(60):
        server.store(
            instance(patient_name=f"Many^{number:02}", PatientID=f"N{number:02}", StudyDate="20210101", StudyTime=f"10{number:02}00")
        )
    two = {"study_uid": PARTS, "patient_name": "Two^Series", "StudyDate": "20190101"}
    server.store(instance(series_uid=PARTS + ".1", SeriesNumber=1, **two), instance(series_uid=PARTS + ".2", SeriesNumber=2, **two))


@pytest.fixture
def page(watched: Watched) -> Iterator[Page]:
    watched.page.set_default_timeout(20_000)
    yield watched.page
    assert not watched.wrong


def rows(page: Page) -> list[str]:
    return page.locator(".studies tbody .who .name").all_inner_texts()


def test_the_newest_come_first_and_typing_finds(page: Page, watched: Watched) -> None:
    page.goto(watched.root)
    expect(page.locator(".total")).to_have_text("63 studies")
    assert rows(page)[:2] == ["Kowalska, Anna", "Many, 59"]
    page.keyboard.press("/")
    page.keyboard.type("anna")
    expect(page.locator(".total")).to_have_text("1 study")
    assert "name=anna" in page.url
    image = page.locator(".studies .thumb img").first
    page.wait_for_function("(image) => image.naturalWidth > 0", arg=image.element_handle())
    page.get_by_label("Patient name").fill("")
    for label, value, total in (
        ("Patient ID", "N0", "10 studies"),
        ("Accession number", "A-7", "1 study"),
        ("Description", "ea", "1 study"),
    ):
        page.get_by_label(label).fill(value)
        expect(page.locator(".total")).to_have_text(total)
        page.get_by_label(label).fill("")
    page.get_by_label("Modality").select_option("MR")
    expect(page.locator(".total")).to_have_text("1 study")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Study date").select_option("range")
    page.get_by_label("From", exact=True).fill("2020-12-31")
    page.get_by_label("To", exact=True).fill("2021-12-31")
    expect(page.locator(".total")).to_have_text("60 studies")
    page.reload()
    expect(page.locator(".total")).to_have_text("60 studies")
    expect(page.get_by_label("From", exact=True)).to_have_value("2020-12-31")
    page.get_by_label("Patient ID").fill("nobody")
    page.get_by_text("No study matches").wait_for()


def test_pages_and_orders_are_the_servers_and_stand_in_the_address(page: Page, watched: Watched) -> None:
    page.goto(watched.root + "/#/?id=N")
    expect(page.locator(".total")).to_have_text("60 studies")
    first = rows(page)
    assert (len(first), first[0]) == (50, "Many, 59")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".studies tbody tr")).to_have_count(10)
    assert rows(page)[-1] == "Many, 00"
    assert "cursor=" in page.url
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".studies tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Patient", exact=True).click()
    expect(page.locator(".studies tbody .who .name").first).to_have_text("Many, 00")
    expect(page.get_by_role("columnheader", name="Patient", exact=True)).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Patient", exact=True).click()
    expect(page.locator(".studies tbody .who .name").first).to_have_text("Many, 59")


def test_by_keyboard_alone_into_a_study_and_back(page: Page, watched: Watched) -> None:
    page.goto(watched.root)
    expect(page.locator(".total")).to_have_text("63 studies")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Many, 59")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Kowalska, Anna").wait_for()
    page.go_back()
    expect(page.locator(".total")).to_have_text("63 studies")


def test_a_quick_look_scrolls_windows_and_plays(page: Page, watched: Watched) -> None:
    page.goto(f"{watched.root}/#/studies/{CT}")
    stage = page.locator(".stage")
    expect(stage.locator(".corner.bottom")).to_have_text("1 / 8")
    page.wait_for_function("() => document.querySelector('.stage img')?.naturalWidth >= 256")
    before = stage.screenshot()
    stage.hover()
    page.mouse.wheel(0, 100)
    expect(stage.locator(".corner.bottom")).to_have_text("2 / 8")
    second = stage.screenshot()
    assert second != before
    page.get_by_label("Preset").select_option("Bone")
    expect(stage.locator(".corner.top")).to_have_text("C 400 W 1800")
    assert stage.screenshot() != second
    page.get_by_role("button", name="Reset").click()
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 350, box["y"] + 200, steps=4)
    page.mouse.up()
    expect(stage.locator(".corner.top")).to_have_text(re.compile(r"C 40 +W 4[5-9]\d"))
    stage.focus()
    page.keyboard.press("End")
    expect(stage.locator(".corner.bottom")).to_have_text("8 / 8")
    expect(page).to_have_url(re.compile("instance="))
    page.keyboard.press("Space")
    page.get_by_role("button", name="Stop").wait_for()
    page.wait_for_function("() => !document.querySelector('.stage .corner.bottom').textContent.startsWith('8')")
    page.keyboard.press("Space")


def test_metadata_shows_sequences_private_tags_and_bulk_data(page: Page, watched: Watched) -> None:
    page.goto(f"{watched.root}/#/studies/{MARKUP}?tab=metadata")
    page.get_by_role("row", name="(0010,0020)").wait_for()
    assert "PatientID" in page.get_by_role("row", name="(0010,0020)").inner_text()
    page.get_by_label("Filter").fill("step-9")
    expect(page.get_by_role("row")).to_have_count(3)
    assert "RequestAttributesSequence" in page.get_by_role("row").first.inner_text()
    page.get_by_label("Filter").fill("RADIOLUCENT TEST")
    page.get_by_role("row", name="private value").wait_for()
    page.get_by_label("Filter").fill("0042,0011")
    link = page.get_by_role("link", name="bulk data")
    assert len(page.request.get(link.get_attribute("href") or "", headers={"Accept": "application/octet-stream"}).body()) == 5000
    page.get_by_label("Filter").fill("")
    tree = page.get_by_role("treegrid")
    tree.focus()
    row = page.get_by_role("row", name="RequestAttributesSequence")
    while not row.count() or row.get_attribute("aria-selected") != "true":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.get_by_role("row", name="nested <i>text</i>").wait_for()
    page.keyboard.press("ArrowLeft")
    expect(row).to_have_attribute("aria-expanded", "false")


def test_names_with_markup_are_text(page: Page, watched: Watched) -> None:
    shown = EVIL.replace("^", ", ")
    page.goto(watched.root + "/#/?id=M-1")
    expect(page.locator(".studies .who .name")).to_have_text(shown)
    expect(page.locator(".studies .what")).to_have_text(BARS)
    page.get_by_role("link", name="onload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(shown)
    for tab in ("Instances", "Metadata", "Pictures"):
        page.get_by_role("tab", name=tab).click()
        page.locator(".list, .stage").first.wait_for()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text(shown)
    page.get_by_role("button", name="Cancel").click()
    page.goto(watched.root + "/#/?name=%3Cscript%3Edocument.title%3D%27owned%27%3C%2Fscript%3E")
    page.get_by_text("No study matches").wait_for()
    assert page.title() == "Studies · Radiolucent"
    assert page.locator("main b, main script, main i").count() == 0


def test_instances_are_listed_and_lead_to_their_picture(page: Page, watched: Watched) -> None:
    page.goto(f"{watched.root}/#/studies/{CT}?tab=instances")
    expect(page.get_by_role("option")).to_have_count(8)
    fifth = page.get_by_role("option").nth(4)
    assert "CT Image Storage" in fifth.inner_text()
    assert "64 × 64" in fifth.inner_text()
    fifth.click()
    expect(page.locator(".stage .corner.bottom")).to_have_text("5 / 8")


def test_a_study_is_taken_elsewhere(page: Page, watched: Watched, server: Server) -> None:
    page.goto(f"{watched.root}/#/studies/{CT}")
    with page.expect_download() as awaited:
        page.get_by_role("button", name="Download zip").click()
    with ZipFile(awaited.value.path()) as archive:
        assert len(archive.namelist()) == 8
    page.get_by_role("button", name="Copy as").click()
    expect(page.get_by_label("DICOMweb URL", exact=True)).to_have_text(f"{server.base}/studies/{CT}")
    page.get_by_label("What").select_option("instance")
    assert f'retrieve_instance("{CT}", ' in page.locator("pre").last.inner_text()
    page.get_by_role("button", name="Close").click()
    assert page.get_by_role("link", name="Open in OHIF").get_attribute("href") == f"{watched.root}/ohif/viewer?StudyInstanceUIDs={CT}"


def test_deleting_asks_first(page: Page, watched: Watched) -> None:
    page.goto(f"{watched.root}/#/studies/{PARTS}?series={PARTS}.2")
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("Enter")  # the focus is on Cancel
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("button", name="Delete").click()
    page.get_by_label("Only the chosen series").check()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".total")).to_have_text("62 studies")


def test_it_loads_in_less_than_150_kilobytes(watched: Watched) -> None:
    sizes: list[int] = []
    watched.page.on(
        "requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"] if "/console" in request.url else 0)
    )
    watched.page.goto(f"{watched.root}/#/studies/{CT}?tab=metadata")
    watched.page.get_by_role("row", name="(0010,0020)").wait_for()
    assert 20_000 < sum(sizes) < 150_000
