"""The console for everybody: axe finds nothing, in light and dark, wide and narrow; names in every script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import Watched
from tests.builders import instance, study
from tests.e2e.server import Server

ONE = "1.2.826.0.1.31"
NAMES = {
    "ja": ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["Yamada, Tarou", "山田 太郎", "やまだ たろう"]),
    "ko": ("Hong^Gildong=洪^吉洞=홍^길동", ["Hong, Gildong", "洪 吉洞", "홍 길동"]),
    "zh": ("Zhang^XiaoDong=张^小东=", ["Zhang, XiaoDong", "张 小东"]),
    "ar": ("قباني^لنزار", ["قباني, لنزار"]),
    "he": ("שרון^דבורה", ["שרון, דבורה"]),
    "el": ("Διονυσιος", ["Διονυσιος"]),
    "ru": ("Люксембург^Роза", ["Люксембург, Роза"]),
    "th": ("สมชาย^ใจดี", ["สมชาย, ใจดี"]),
}
VIEWS = {
    "worklist": ("#/", ".studies tbody tr"),
    "nothing found": ("#/?id=nobody", ".empty"),
    "pictures": (f"#/studies/{ONE}", ".stage img"),
    "instances": (f"#/studies/{ONE}?tab=instances", ".list .line"),
    "metadata": (f"#/studies/{ONE}?tab=metadata", ".list .line"),
    "no such study": ("#/studies/1.2.3.4", ".trouble"),
    "upload": ("#/upload", ".drop"),
    "system": ("#/system", ".figures-grid dd"),
}
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture(scope="module", autouse=True)
def stored(server: Server) -> None:
    server.store(
        *study(2, 3, study_uid=ONE, patient_name="Access^Ada", rows=32, columns=32, StudyDescription="Wrist", SeriesDescription="ap")
    )
    for language, (name, _) in NAMES.items():
        server.store(instance(patient_name=name, PatientID=f"name-{language}", SpecificCharacterSet="ISO_IR 192"))


@pytest.fixture(params=[("light", WIDE), ("dark", NARROW)], ids=["light and wide", "dark and narrow"])
def colours(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    scheme, size = request.param
    with browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page


def test_axe_finds_nothing_on_any_page(colours: Page, server: Server) -> None:
    found = []
    for name, (address, there) in VIEWS.items():
        colours.goto(f"http://127.0.0.1:{server.port}/{address}")
        colours.locator(there).first.wait_for()
        found += [f"{name}: {line}" for line in findings(colours)]
        assert colours.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth"), name
    assert found == []


def test_axe_finds_nothing_in_dialogs_and_lists(colours: Page, server: Server) -> None:
    found = []
    for button in ("Copy as", "Delete"):
        colours.goto(f"http://127.0.0.1:{server.port}/#/studies/{ONE}")
        colours.get_by_role("button", name=button).click()
        colours.get_by_role("dialog").wait_for()
        found += findings(colours)
        colours.keyboard.press("Escape")
    colours.goto(f"http://127.0.0.1:{server.port}/#/studies/{ONE}?tab=metadata")
    colours.get_by_role("row", name="StudyDate").click()
    expect(colours.get_by_role("dialog")).to_contain_text("20240229")
    found += findings(colours)
    colours.keyboard.press("Escape")
    expect(colours.get_by_role("treegrid")).to_be_focused()
    colours.goto(f"http://127.0.0.1:{server.port}/#/upload")
    colours.locator("#files").set_input_files({"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear colleague"})
    expect(colours.locator(".figures")).to_contain_text("1 not stored")
    found += findings(colours)
    assert found == []


@pytest.mark.parametrize("language", NAMES)
def test_names_are_shown_in_every_script_and_direction(watched: Watched, language: str) -> None:
    watched.page.goto(f"{watched.root}/#/?id=name-{language}")
    shown = watched.page.locator(".studies .who bdi")
    expect(shown).to_have_text(NAMES[language][1])
    assert shown.last.get_attribute("lang") == language
    direction = shown.first.evaluate("(name) => getComputedStyle(name).direction")
    assert direction == ("rtl" if language in {"ar", "he"} else "ltr")
    assert not watched.wrong


def test_the_tab_key_reaches_everything_in_order(watched: Watched) -> None:
    watched.page.goto(f"{watched.root}/#/studies/{ONE}")
    watched.page.locator(".stage img").wait_for()
    watched.page.evaluate("() => document.activeElement.blur()")
    names = []
    for _ in range(24):
        watched.page.keyboard.press("Tab")
        names.append(
            watched.page.evaluate(
                "() => (document.activeElement.ariaLabel || document.activeElement.innerText || document.activeElement.id).trim()"
            )
        )
    order = ["To the content", "Radiolucent", "Upload", "System", "Download zip", "Copy as …", "Delete", "Pictures", "step", "Reset"]
    assert [name for name in names if name in order] == order


def test_the_link_to_the_content_leads_there(watched: Watched) -> None:
    watched.page.goto(f"{watched.root}/#/?id=name-ja")
    watched.page.locator(".studies tbody tr").wait_for()
    watched.page.evaluate("() => document.activeElement.blur()")
    watched.page.keyboard.press("Tab")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("main")).to_be_focused()
    assert "id=name-ja" in watched.page.url


def test_the_colours_that_were_chosen_are_kept(watched: Watched) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    watched.page.goto(watched.root)
    light = watched.page.evaluate(ground)
    watched.page.get_by_role("button", name="To the dark colours").click()
    dark = watched.page.evaluate(ground)
    assert dark != light
    watched.page.reload()
    watched.page.get_by_role("button", name="To the light colours").wait_for()
    assert watched.page.evaluate(ground) == dark
