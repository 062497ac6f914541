"""Uploading in the console: files, archives, folders and drops, the server's reasons, stopping and going on, and ten thousand files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Watched
from tests.builders import fresh_uid, instance, study
from tests.e2e.server import Server

GAPS = """() => {
    window.longest = 0;
    document.querySelector("#folder").addEventListener("change", () => {
        let last = performance.now();
        const step = (now) => {
            window.longest = Math.max(window.longest, now - last);
            last = now;
            requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    }, { capture: true });
}"""
"""Remembers the longest time, in ms, in which the page drew nothing since it was given files; how long the browser takes to hand
them over is not ours."""


@pytest.fixture
def page(watched: Watched) -> Iterator[Page]:
    watched.page.set_default_timeout(20_000)
    watched.page.goto(watched.root + "/#/upload")
    yield watched.page
    assert not [wrong for wrong in watched.wrong if not wrong.startswith(("409", "console: Failed to load resource"))]


def payload(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def instances(server: Server, **query: str) -> int:
    answer = httpx.get(server.base + "/instances", params={"limit": "1", "count": "true", **query}, timeout=60)
    return int(answer.headers["x-total-count"])


def outcome(page: Page, name: str) -> str:
    return page.get_by_role("option", name=name).inner_text()


def test_every_file_has_its_outcome_with_the_servers_reason(page: Page, server: Server) -> None:
    uid = fresh_uid()
    server.store(instance(instance_uid=uid))
    archive = io.BytesIO()
    with ZipFile(archive, "w") as made:
        for number, content in enumerate(study(1, 3)):
            made.writestr(f"{number}.dcm", content)
        made.writestr("readme.txt", "not an image")
    before = instances(server)
    files = [
        *(payload(f"good-{number}.dcm", content) for number, content in enumerate(study(1, 4))),
        payload("other.dcm", instance(instance_uid=uid, PatientID="other")),
        payload("letter.txt", b"Dear colleague"),
        payload("more.zip", archive.getvalue()),
    ]
    page.locator("#files").set_input_files(files)
    expect(page.locator(".figures")).to_contain_text("7 of 7 files")
    expect(page.locator(".figures")).to_contain_text("done")
    assert instances(server) == before + 7
    assert "stored" in outcome(page, "good-3.dcm").split("\n")
    assert "Another object with this SOP Instance UID" in outcome(page, "other.dcm")
    assert "This is not a DICOM object" in outcome(page, "letter.txt")
    assert "3 stored; 1 ×" in outcome(page, "more.zip")
    page.get_by_label("Show", exact=True).select_option("bad")
    expect(page.locator(".list .line")).to_have_count(3)
    page.get_by_role("option", name="other.dcm").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "Another object with this SOP Instance UID but other content is stored already; it was kept"
    )
    page.keyboard.press("Escape")
    page.get_by_label("Show", exact=True).select_option("")
    page.get_by_role("option", name="good-0.dcm").click()
    expect(page.locator(".card")).to_have_count(1)
    page.go_back()
    expect(page.locator(".figures")).to_contain_text("7 of 7 files")
    page.get_by_role("button", name="Clear the list").click()
    expect(page.locator(".figures")).to_be_hidden()


def test_what_is_dropped_is_taken_and_a_folder_is_gone_through(page: Page, tmp_path: Path) -> None:
    page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.dcm"));
            const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.querySelector(".drop").dispatchEvent(drop);
        }""",
        list(instance()),
    )
    expect(page.get_by_role("option", name="dropped.dcm")).to_contain_text("stored")
    for number, content in enumerate(study(1, 5)):
        folder = tmp_path / "exam" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.dcm").write_bytes(content)
    (tmp_path / "exam" / ".DS_Store").write_bytes(b"x")
    page.locator("#folder").set_input_files(tmp_path / "exam")
    expect(page.locator(".figures")).to_contain_text("6 of 6 files")
    expect(page.get_by_role("option", name="exam/1/3.dcm")).to_contain_text("stored")


def test_stopped_it_goes_on_where_it_was(page: Page, server: Server) -> None:
    before = instances(server)
    connection = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    connection.send("Network.emulateNetworkConditions", slow)
    files = [payload(f"{number}.dcm", content) for number, content in enumerate(study(1, 120, rows=96, columns=96))]
    page.locator("#files").set_input_files(files)
    page.wait_for_function("() => document.querySelector('progress').value > 0.1")
    expect(page.locator(".figures")).to_contain_text(re.compile(r"/s · \d+ s left"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".figures")).to_contain_text("stopped")
    assert instances(server) < before + 120
    connection.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".figures")).to_contain_text("120 of 120 files")
    expect(page.locator(".figures")).not_to_contain_text("not stored")
    assert instances(server) == before + 120


@pytest.mark.whole
def test_ten_thousand_files_do_not_freeze_the_page(page: Page, server: Server, tmp_path: Path) -> None:
    before = instances(server)
    for number, content in enumerate(study(10, 1000)):
        folder = tmp_path / "many" / f"{number // 1000}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.dcm").write_bytes(content)
    page.evaluate(GAPS)
    page.locator("#folder").set_input_files(tmp_path / "many")
    expect(page.locator(".figures")).to_contain_text("of 10,000 files", timeout=120_000)
    page.locator(".list").focus()
    page.keyboard.press("End")
    expect(page.locator(".figures")).to_contain_text("10,000 of 10,000 files", timeout=600_000)
    assert page.locator(".list .line").count() < 100
    assert instances(server) == before + 10_000
    assert page.evaluate("window.longest") < 1500
