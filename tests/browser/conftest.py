"""A real browser, Debian's Chromium, and a page that remembers whatever went wrong on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.e2e.server import Server, running

SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE = 90_000
"""Milliseconds until a thing on a page must be there: this machine draws without a graphics card, and is busy."""

OF_THE_BROWSER = ("chrome-extension://", "chrome://resources/")
"""What Chromium's own viewer of PDFs is made of; it lies in the browser."""

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a file: while it is open an event loop runs in this thread, in which no other test may be."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "the tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *SOFTWARE_WEBGL])
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "data") as started:
        yield started


@dataclass
class Watched:
    """A page of the server at `root`, and what is wrong with it: errors in its console, failed answers, requests to other hosts."""

    page: Page
    root: str
    wrong: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.page.on("response", self._response)
        self.page.on("request", lambda request: self._address(request.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text[:500]}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def _address(self, url: str) -> None:
        if not url.startswith((self.root + "/", "blob:", "data:", *OF_THE_BROWSER)):
            self.wrong.append(f"another host: {url}")


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE)
        made = Watched(context.new_page(), f"http://127.0.0.1:{server.port}")
        made.listen()
        yield made
