"""Behind nginx and Caddy, with the very files of deploy/ (their names, ports and certificates changed): what a hospital sets up."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.builders import instance, multipart
from tests.e2e.server import Server, free_port, running
from tests.services.authority import Authority, Pair

STUDY = "1.2.826.0.1.41"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{site}
}}
"""
DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True, slots=True)
class Site:
    """The service behind a proxy: `http` talks to the proxy, `key` opens it."""

    http: httpx.Client
    root: str
    server: Server
    key: dict[str, str]

    @property
    def base(self) -> str:
        return f"{self.root}/dicom-web"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    environment = {"RADIOLUCENT_HTTP__TRUSTED_PROXIES": "127.0.0.1", "RADIOLUCENT_ACCESS__API_KEYS": "true"}
    with running(folder / "data", environment=environment) as server:
        made = subprocess.run(
            [*_command(), "keys", "create", "script", "--scope", "user/ImagingStudy.cruds", "--data", str(server.data)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        key = {"Authorization": f"Bearer {made.stdout.split()[1]}"}
        port, pair = free_port(), authority.server()
        start = _nginx if request.param == "nginx" else _caddy
        proxy = subprocess.Popen(start(folder, port, server.port, pair), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            root = f"https://localhost:{port}"
            with httpx.Client(verify=ssl.create_default_context(cafile=str(authority.certificate)), timeout=60) as http:
                _await(http, root, proxy)
                yield Site(http, root, server, key)
        finally:
            proxy.kill()  # asked kindly, Caddy waits for connections that are kept
            proxy.wait()


def _command() -> list[str]:
    return [sys.executable, "-m", "app"]


def _nginx(folder: Path, port: int, behind: int, pair: Pair) -> list[str]:
    text = (DEPLOY / "nginx.conf").read_text()
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8080", f"127.0.0.1:{behind}")
    text = text.replace("pacs.example.org;", "localhost;")
    text = re.sub(r"(ssl_certificate\s+)\S+;", rf"\g<1>{pair.certificate};", text)
    text = re.sub(r"(ssl_certificate_key\s+)\S+;", rf"\g<1>{pair.key};", text)
    file = folder / "nginx.conf"
    user = "user root;" if _is_root() else ""
    file.write_text(NGINX.format(folder=folder, site=text, user=user))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(file), "-p", str(folder), "-e", str(folder / "error.log")]


def _caddy(folder: Path, port: int, behind: int, pair: Pair) -> list[str]:
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{behind}")
    text = text.replace("pacs.example.org {", f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {pair.certificate} {pair.key}")
    options = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}/caddy\n}}\n"
    file = folder / "Caddyfile"
    file.write_text(options + text)
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


def _is_root() -> bool:
    return os.geteuid() == 0


def _await(http: httpx.Client, root: str, proxy: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert proxy.poll() is None, "the proxy has ended"
        with contextlib.suppress(httpx.TransportError):
            if http.get(f"{root}/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the proxy is not ready")


def test_links_begin_with_the_address_that_the_client_used(site: Site) -> None:
    body, kind = multipart([instance(study_uid=STUDY, series_uid=f"{STUDY}.1", instance_uid=f"{STUDY}.1.1", rows=64, columns=64)])
    stored = site.http.post(f"{site.base}/studies", content=body, headers={"Content-Type": kind, **site.key})
    assert stored.status_code == 200, stored.text
    assert stored.json()["00081190"]["Value"] == [f"{site.base}/studies/{STUDY}"]
    (found,) = site.http.get(f"{site.base}/studies/{STUDY}/metadata", headers=site.key).json()
    pixels = site.http.get(found["7FE00010"]["BulkDataURI"], headers=site.key)
    assert pixels.status_code == 200
    ranged = site.http.get(
        found["7FE00010"]["BulkDataURI"], headers={**site.key, "Range": "bytes=0-9", "Accept": "application/octet-stream"}
    )
    assert (ranged.status_code, len(ranged.content)) == (206, 10)


def test_who_asks_is_the_client_and_he_cannot_say_otherwise(site: Site) -> None:
    lies = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7;host=evil.example.org", "X-Forwarded-Prefix": "/evil",
            "X-Forwarded-Host": "evil.example.org", "X-Forwarded-Port": "1"}  # fmt: skip
    answer = site.http.get(f"{site.base}/studies", headers={**site.key, **lies, "Accept": "application/dicom+json"})
    assert answer.status_code == 200
    assert "evil" not in answer.text
    trail = (site.server.data / "audit.jsonl").read_text()
    assert '"127.0.0.1"' in trail
    assert "203.0.113.7" not in trail


def test_signing_in_gives_a_cookie_for_https_only(site: Site) -> None:
    refused = site.http.get(f"{site.base}/studies")
    assert refused.status_code == 401
    begun = site.http.post(f"{site.root}/session", headers=site.key)
    assert {"Secure", "HttpOnly"} <= {part.strip() for part in begun.headers["set-cookie"].split(";")}
    assert "max-age" in begun.headers["strict-transport-security"]
    assert site.http.get(f"{site.base}/studies").status_code == 200
    assert site.http.post(f"{site.base}/studies", headers={"Origin": "https://evil.example.org"}).status_code == 403
    assert site.http.delete(f"{site.root}/session", headers={"Origin": site.root}).status_code == 204
    assert site.http.get(f"{site.base}/studies").status_code == 401


def test_large_bodies_pass_both_ways_as_streams(site: Site) -> None:
    large = instance(study_uid=f"{STUDY}.2", series_uid=f"{STUDY}.2.1", instance_uid=f"{STUDY}.2.1.1", rows=1024, columns=1024, frames=16)
    body, kind = multipart([large])
    assert site.http.post(f"{site.base}/studies", content=body, headers={"Content-Type": kind, **site.key}).status_code == 200
    path = f"{site.base}/studies/{STUDY}.2/series/{STUDY}.2.1/instances/{STUDY}.2.1.1"
    got = site.http.get(path, headers={**site.key, "Accept": "application/dicom"})
    assert got.content[-1000:] == large[-1000:]
    assert len(got.content) == int(got.headers["content-length"])


def test_changes_come_as_they_happen(site: Site) -> None:
    headers = {**site.key, "Accept": "text/event-stream"}
    with site.http.stream("GET", f"{site.base}/changes?after=latest", headers=headers, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        body, kind = multipart([instance()])
        with httpx.Client() as other:
            other.post(f"{site.server.base}/studies", content=body, headers={"Content-Type": kind, **site.key}).raise_for_status()
        begun = time.monotonic()
        assert any(line.startswith("data:") for line in stream.iter_lines())
        assert time.monotonic() - begun < 5


def test_errors_keep_their_words(site: Site) -> None:
    answer = site.http.get(f"{site.base}/studies/1.2.3.4.5/metadata", headers={**site.key, "X-Request-Id": "mine"})
    assert answer.status_code == 404
    assert answer.json()["request_id"] == "mine"
    assert answer.headers["x-request-id"] == "mine"
