"""TLS by the server itself, client certificates, and refusing to start without either: as operators and clients meet it."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import instance, multipart
from tests.e2e.server import Server, free_port, running
from tests.services.authority import Authority, Pair

POLICY = """
[roles]
modality = ["system/ImagingStudy.cs"]

[[certificates]]
subject = "CN=CT 1,O=North Hospital,C=CH"
name = "ct1"
roles = ["modality"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server(folder: Path, authority: Authority) -> Iterator[Server]:
    pair = authority.server()
    (folder / "policy.toml").write_text(POLICY)
    environment = {
        "RADIOLUCENT_TLS__CERTIFICATE": str(pair.certificate),
        "RADIOLUCENT_TLS__KEY": str(pair.key),
        "RADIOLUCENT_TLS__CLIENT_CA": str(authority.certificate),
        "RADIOLUCENT_ACCESS__CERTIFICATES": "true",
        "RADIOLUCENT_ACCESS__API_KEYS": "true",
        "RADIOLUCENT_ACCESS__POLICY": str(folder / "policy.toml"),
    }
    with running(folder / "data", environment=environment) as found:
        yield found


def trusting(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if pair is not None:
        context.load_cert_chain(*pair.both)
    return context


def test_a_client_certificate_says_who_one_is(server: Server, authority: Authority) -> None:
    with httpx.Client(verify=trusting(authority, authority.client("CT 1", "North Hospital"))) as client:
        body, kind = multipart([instance()])
        stored = client.post(f"{server.base}/studies", content=body, headers={"Content-Type": kind})
        assert stored.status_code == 200, stored.text
        assert stored.headers["strict-transport-security"].startswith("max-age=")
        told = client.get(f"{server.root}/session").json()
        assert (told["subject"], told["kind"], told["roles"]) == ("ct1", "certificate", ["modality"])
        assert client.get(f"{server.base}/studies").status_code == 200
        assert client.delete(f"{server.base}/studies/1.2.3").status_code == 403


def test_without_a_certificate_one_is_asked_for_something_else(server: Server, authority: Authority) -> None:
    with httpx.Client(verify=trusting(authority)) as client:
        assert client.get(f"{server.base}/studies").status_code == 401
        assert client.get(f"{server.root}/health/live").status_code == 200


def test_a_certificate_that_nobody_is_named_by_opens_nothing(server: Server, authority: Authority) -> None:
    with httpx.Client(verify=trusting(authority, authority.client("CT 9", "North Hospital"))) as client:
        refused = client.get(f"{server.base}/studies")
        assert refused.status_code == 401
        assert "names nobody" in refused.json()["detail"]


def test_a_certificate_of_another_authority_does_not_get_through_tls(server: Server, authority: Authority, folder: Path) -> None:
    foreign = Authority(folder, "Foreign authority").client("CT 1", "North Hospital")
    with httpx.Client(verify=trusting(authority, foreign)) as client, pytest.raises(httpx.TransportError):
        client.get(f"{server.base}/studies")


def test_a_header_is_no_certificate(server: Server, authority: Authority) -> None:
    names = ("X-Client-Cert", "X-SSL-Client-S-DN", "SSL-Client-S-DN", "X-Forwarded-Client-Cert")
    with httpx.Client(verify=trusting(authority)) as client:
        headers = dict.fromkeys(names, "CN=CT 1,O=North Hospital,C=CH")
        assert client.get(f"{server.base}/studies", headers=headers).status_code == 401


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_not_spoken(server: Server, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", server.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain).close()


def test_plain_http_gets_no_answer(server: Server) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{server.port}/health/live")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "without authentication"),
        ({"RADIOLUCENT_ACCESS__API_KEYS": "true"}, "without TLS"),
        ({"RADIOLUCENT_ACCESS__POLICY": "/nowhere/policy.toml"}, "without authentication"),
    ],
)
def test_it_refuses_to_be_reached_by_others_without_protection(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    command = [sys.executable, "-m", "app", "serve", "--host", "0.0.0.0", "--port", str(free_port()), "--data", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **settings}, check=False)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_policy_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[[rules]]\neffect = "maybe"')
    environment = {"RADIOLUCENT_ACCESS__API_KEYS": "true", "RADIOLUCENT_ACCESS__POLICY": str(tmp_path / "policy.toml")}
    command = [sys.executable, "-m", "app", "serve", "--port", str(free_port()), "--data", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False)
    assert (ended.returncode, "effect has to be" in ended.stderr) == (2, True), ended.stderr
