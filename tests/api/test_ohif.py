"""The viewer at /ohif: its files and how long they may be kept, its configuration, the way to it, and its absence."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.api.ohif import place
from app.errors import BadRequest
from app.settings import SettingsError, load_settings
from tests.api.conftest import Site, open_site

ROOT = "http://127.0.0.1"
BUNDLE = "app.bundle.0f6159c501addfe9.js"


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "ohif"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>viewer</title>")
    (folder / BUNDLE).write_text("let a = 1;" * 500)
    (folder / (BUNDLE + ".gz")).write_bytes(gzip.compress(b"let a = 1;" * 500))
    (folder / "start.js").write_text("start()")
    (folder / "codec.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    async for opened in open_site(tmp_path / "data", viewer={"ohif": folder, "isolated": True}):
        yield opened


@pytest.mark.parametrize("path", ["/ohif", "/ohif/", "/ohif/viewer?StudyInstanceUIDs=1.2", "/ohif/microscopy"])
async def test_every_place_within_the_viewer_is_its_page(viewer: Site, path: str) -> None:
    answer = await viewer.http.get(ROOT + path)
    assert answer.status_code == 200
    assert "viewer" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_files_with_a_digest_in_their_names_are_kept_for_good_and_sent_compressed(viewer: Site) -> None:
    plain = await viewer.http.get(f"{ROOT}/ohif/{BUNDLE}", headers={"Accept-Encoding": "identity"})
    packed = await viewer.http.get(f"{ROOT}/ohif/{BUNDLE}", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content
    for answer in (plain, packed):
        assert answer.headers["cache-control"].endswith("immutable")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "Accept-Encoding"
    again = await viewer.http.get(f"{ROOT}/ohif/{BUNDLE}", headers={"If-None-Match": packed.headers["etag"], "Accept-Encoding": "gzip"})
    assert again.status_code == 304
    start = await viewer.http.get(ROOT + "/ohif/start.js")
    assert start.headers["cache-control"] == "no-cache"
    assert (await viewer.http.get(ROOT + "/ohif/codec.wasm")).headers["content-type"] == "application/wasm"


@pytest.mark.parametrize(
    "path", ["x.bundle.js", f"{BUNDLE}.gz", "../secret.txt", "%2e%2e/secret.txt", "assets/..%2f..%2fsecret.txt", "a\0b.js"]
)
async def test_a_file_that_is_not_there_is_no_page(viewer: Site, path: str) -> None:
    answer = await viewer.http.get(f"{ROOT}/ohif/{path}".replace("\0", "%00"))
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


async def test_the_configuration_names_the_service_as_the_browser_sees_it(viewer: Site) -> None:
    answer = await viewer.http.get(ROOT + "/ohif/app-config.js", headers={"Host": "localhost:8080"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-store"
    config = json.loads(answer.text.removeprefix("window.config = ").removesuffix(";\n"))
    (source,) = config["dataSources"]
    assert {source["configuration"][name] for name in ("qidoRoot", "wadoRoot", "wadoUriRoot")} == {"http://localhost:8080/dicom-web"}
    assert config["routerBasename"] == "/ohif"


async def test_image_display_is_invoked(viewer: Site) -> None:
    answer = await viewer.http.get(ROOT + "/iid?requestType=STUDY&studyUID=1.2.3,1.2.4")
    assert answer.status_code == 302
    assert answer.headers["location"] == "/ohif/viewer?StudyInstanceUIDs=1.2.3&StudyInstanceUIDs=1.2.4"
    assert (await viewer.http.get(ROOT + "/iid?requestType=STUDY")).status_code == 400


def test_where_the_requests_of_image_display_lead() -> None:
    assert place({"requesttype": "STUDY", "accessionnumber": "A 1&x"}) == "?accession=A+1%26x"
    assert place({"requesttype": "PATIENT", "patientid": "P1^^^&1.2.3&ISO"}) == "?mrn=P1"
    for wrong in ({}, {"requesttype": "STUDY", "studyuid": "javascript:x"}, {"requesttype": "PATIENT"}):
        with pytest.raises(BadRequest):
            place(wrong)


async def test_without_its_files_ohif_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.main.viewer_folder", lambda given: None)
    async for site in open_site(tmp_path / "data"):
        answer = await site.http.get(ROOT + "/ohif/viewer")
        assert answer.status_code == 404
        assert "make viewer" in answer.text
        assert (await site.http.get(ROOT + "/iid?requestType=STUDY&studyUID=1.2")).status_code == 404


async def test_a_folder_without_the_viewer_is_refused_at_the_start(tmp_path: Path) -> None:
    from app.main import create_app

    with pytest.raises(SettingsError, match="no index"):
        create_app(load_settings(viewer={"ohif": tmp_path}))
