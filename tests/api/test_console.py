"""The console's page and files: who gets them at `/`, under which policy, for how long, and what programs get there."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.api import console
from tests.api.conftest import Site, open_site

ROOT = "http://127.0.0.1"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def at_the_root(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", http={"base_path": ""}):
        yield opened


async def test_a_browser_gets_the_page_under_a_strict_policy(site: Site) -> None:
    answer = await site.http.get(ROOT + "/", headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert 'name="service" content="dicom-web"' in answer.text
    assert "@" not in answer.text
    again = await site.http.get(ROOT + "/", headers=BROWSER | {"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/dicom+json"])
async def test_a_program_is_told_where_the_service_is(site: Site, accept: str) -> None:
    answer = await site.http.get(ROOT + "/", headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/dicom-web" in answer.json()["detail"]


async def test_every_file_that_the_page_and_its_modules_name_is_there_and_kept_for_good(site: Site) -> None:
    page = (await site.http.get(ROOT + "/", headers=BROWSER)).text
    waiting, seen = re.findall(r'(?:href|src)="(console/[^"]+)"', page), set()
    assert len(waiting) >= 5
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await site.http.get(f"{ROOT}/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"].endswith("immutable")
        if path.endswith(".js"):
            assert answer.headers["content-type"].startswith("text/javascript")
            waiting += [f"{path.rpartition('/')[0]}/{name}" for name in re.findall(r'(?:from|import) "\./([^"]+)"', answer.text)]
    assert {path.rpartition("/")[2] for path in seen} == set(console.files()) - {console.PAGE, console.DICTIONARY}


async def test_files_are_sent_compressed_to_whoever_takes_it(site: Site) -> None:
    path = f"{ROOT}/console/{console.version()}/dictionary.json"
    plain = await site.http.get(path, headers={"Accept-Encoding": "identity"})
    packed = await site.http.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert plain.content == packed.content
    tables = json.loads(plain.content)
    assert tables["keywords"]["00100010"] == "PatientName"
    assert tables["keywords"]["60xx3000"] == "OverlayData"
    assert tables["classes"]["1.2.840.10008.5.1.4.1.1.2"] == "CT Image Storage"
    assert tables["syntaxes"]["1.2.840.10008.1.2.1"] == "Explicit VR Little Endian"


@pytest.mark.parametrize("path", ["0123456789abcdef/main.js", "{}/index.html", "{}/missing.js", "{}/..%2f..%2fmain.py"])
async def test_what_is_no_file_of_this_version_is_not_found(site: Site, path: str) -> None:
    assert (await site.http.get(f"{ROOT}/console/{path.format(console.version())}")).status_code == 404


async def test_a_service_at_the_root_of_its_server_shares_the_place_with_the_console(at_the_root: Site) -> None:
    page = await at_the_root.http.get(ROOT + "/", headers=BROWSER)
    assert 'name="service" content="."' in page.text
    asked = await at_the_root.http.get(ROOT + "/?requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4", headers=BROWSER)
    assert asked.status_code == 404
    assert asked.json()["code"] == "not-found"
    assert (await at_the_root.http.get(ROOT + "/", headers={"Accept": "*/*"})).status_code == 400


def test_its_sources_never_make_markup_of_text_and_name_no_other_host() -> None:
    for name, found in console.files().items():
        text = found.content.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function", text), name
        assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+\.[a-z]", text), name
        assert len(text.splitlines()) <= 400, name
