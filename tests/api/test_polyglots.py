"""Files that are a DICOM object and something else as well, and text that asks the server to fetch something (H6, H8; CVE-2019-11687)."""

from __future__ import annotations

import ast
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import BASE, Site, open_site
from tests.builders import fresh_uid, instance

DICOM = {"Content-Type": "application/dicom"}
PROGRAMS = {
    "a program for Windows": b"MZ\x90\x00",
    "a program for Linux": b"\x7fELF\x02\x01\x01",
    "a program for macOS": b"\xcf\xfa\xed\xfe",
    "a universal program": b"\xca\xfe\xba\xbe",
    "a script": b"#!/bin/sh\nid\n",
    "a page": b"<html><script>alert(1)</script>",
    "PHP": b"<?php system('id'); ?>",
    "PDF": b"%PDF-1.4\n",
    "a zip archive": b"PK\x03\x04",
    "anything else": b"A",
}
OUTBOUND = ("http://", "https://", "ftp://", "file:///etc/passwd", "//attacker.example/", "gopher://", "jar:http://attacker.example!/a")


def disguised(preamble: bytes, **uids: str) -> bytes:
    return preamble.ljust(128, b"\0") + instance(**uids)[128:]


def fresh() -> dict[str, str]:
    return {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}


def path_of(uids: dict[str, str]) -> str:
    return "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)


@pytest.mark.parametrize("kind", PROGRAMS)
async def test_what_could_be_a_program_goes_out_without_its_preamble(site: Site, kind: str) -> None:
    uids = fresh()
    data = disguised(PROGRAMS[kind], **uids)
    assert (await site.http.post("/studies", content=data, headers=DICOM)).status_code == 200
    for resource, accept in (("", "application/dicom"), ("", 'multipart/related; type="application/dicom"'), ("", "application/zip")):
        answer = await site.get(path_of(uids) + resource, accept)
        assert answer.status_code == 200
        assert PROGRAMS[kind] not in answer.content[:3000] or len(PROGRAMS[kind]) < 3 or accept == "application/zip"
        if accept == "application/dicom":
            assert answer.content == bytes(128) + data[128:]
    address = f"/wado?requestType=WADO&studyUID={uids['study_uid']}&seriesUID={uids['series_uid']}&objectUID={uids['instance_uid']}"
    answer = await site.http.get(f"{BASE.removesuffix('/dicom-web')}{address}&contentType=application/dicom")
    assert answer.status_code != 200 or answer.content[:128] == bytes(128)


@pytest.mark.parametrize("preamble", [b"II*\0\x10\0\0\0", b"MM\0*\0\0\0\x10"])
async def test_a_file_that_is_tiff_as_well_stays_one(site: Site, preamble: bytes) -> None:
    uids = fresh()
    data = disguised(preamble, **uids)
    assert (await site.http.post("/studies", content=data, headers=DICOM)).status_code == 200
    assert (await site.get(path_of(uids), "application/dicom")).content == data


XML = """<?xml version="1.0" encoding="UTF-8"?>{dtd}
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
<DicomAttribute tag="00080016" vr="UI"><Value number="1">1.2.840.10008.5.1.4.1.1.7</Value></DicomAttribute>
<DicomAttribute tag="00080018" vr="UI"><Value number="1">{uid}.1</Value></DicomAttribute>
<DicomAttribute tag="0020000D" vr="UI"><Value number="1">{uid}.2</Value></DicomAttribute>
<DicomAttribute tag="0020000E" vr="UI"><Value number="1">{uid}.3</Value></DicomAttribute>
<DicomAttribute tag="00104000" vr="LT"><Value number="1">{text}</Value></DicomAttribute>
{more}</NativeDicomModel>"""
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
DTDS = {
    "an external entity": ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
    "an entity of another host": ('<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]>', "&x;"),
    "an external DTD": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/x.dtd">', "a"),
    "a parameter entity": ('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/x"> %x;]>', "a"),
    "a billion laughs": (f"<!DOCTYPE a [{LAUGHS}]>", "&l9;"),
    "an internal entity": ('<!DOCTYPE a [<!ENTITY x "y">]>', "&x;"),
    "no entity at all": ("<!DOCTYPE a>", "a"),
}


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every attempt to reach another place, or to ask for its name, is noted and fails."""
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        tried.append(arguments)
        raise OSError("no way out")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


@pytest.mark.parametrize("name", DTDS)
async def test_xml_with_a_document_type_is_refused_and_nothing_is_fetched(site: Site, name: str, no_way_out: list[Any]) -> None:
    dtd, text = DTDS[name]
    body = XML.format(dtd=dtd.replace("{port}", "9"), uid=fresh_uid(), text=text, more="")
    answer = await site.http.post("/studies", content=body.encode(), headers={"Content-Type": "application/dicom+xml"})
    assert answer.status_code in (400, 409), answer.text
    assert "root:" not in answer.text
    assert await site.objects("/instances") == []
    assert no_way_out == []


@pytest.mark.parametrize("place", OUTBOUND)
async def test_no_address_in_the_input_is_ever_fetched(site: Site, place: str, no_way_out: list[Any]) -> None:
    uri = f"{place}attacker.example/x"
    uids = {tag: {"vr": "UI", "Value": [fresh_uid()]} for tag in ("00080018", "0020000D", "0020000E")}
    head = {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]}, **uids}
    links = {"00081190": {"vr": "UR", "Value": [uri]}, "0040E010": {"vr": "UR", "Value": [uri]}}
    bulk = {"00420011": {"vr": "OB", "BulkDataURI": uri}}
    as_json = await site.http.post("/studies", json=[{**head, **bulk}], headers={"Content-Type": "application/dicom+json"})
    assert as_json.status_code == 409
    more = f'<DicomAttribute tag="00420011" vr="OB"><BulkData uri="{uri}"/></DicomAttribute>'
    as_xml = await site.http.post(
        "/studies",
        content=XML.format(dtd="", uid=fresh_uid(), text="a", more=more).encode(),
        headers={"Content-Type": "application/dicom+xml"},
    )
    assert as_xml.status_code == 409
    # What only names a place is kept as it came, and read without going there.
    kept = await site.http.post("/studies", json=[{**head, **links}], headers={"Content-Type": "application/dicom+json"})
    assert kept.status_code == 200, kept.text
    study = uids["0020000D"]["Value"][0]
    for resource in ("/metadata", "/instances?includefield=all", "/rendered", "/thumbnail", ""):
        await site.get(f"/studies/{study}{resource}", "*/*")
    for header in ("Forwarded", "X-Forwarded-Host", "Referer", "X-Original-URL", "X-Rewrite-URL", "Destination"):
        await site.get(f"/studies/{study}/metadata", "application/dicom+json", **{header: f"host={uri}"})
    assert no_way_out == []


def test_only_the_object_store_the_database_and_the_import_command_speak_to_others(root: Path) -> None:
    """Whatever opens connections is imported where the configuration says where to: a new place for it is a decision, not a detail."""
    clients = {"httpx", "socket", "urllib.request", "http.client", "aiohttp", "requests", "obstore", "psycopg", "ftplib", "smtplib"}
    found: dict[str, set[str]] = {}
    for path in sorted((root / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            used = {client for client in clients for name in names if name == client or name.startswith(client + ".")}
            if used:
                found.setdefault(str(path.relative_to(root)), set()).update(used)
    # `serve` looks whether its own port is free; worker processes of `pixels` have a socket pair.
    allowed = {
        "app/access/introspection.py",  # the issuer of tokens that the configuration names
        "app/access/issuer.py",
        "app/access/sign_in.py",
        "app/audit/receivers.py",  # where the configuration has the trail delivered
        "app/audit/syslog.py",
        "app/door.py",
        "app/cli/serve.py",
        "app/cli/imports.py",
        "app/cli/intake.py",
        "app/cli/sending.py",
        "app/events/webhooks.py",  # to targets that an administrator has named
        "app/storage/s3.py",
        "app/storage/bodies.py",
    }
    allowed |= {"app/index/database.py", "app/index/upsert.py", "app/pixels/process.py", "app/pixels/wire.py", "app/pixels/worker.py"}
    assert set(found) <= allowed, found


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://viewer.example.org.evil.example", "https://viewer.example.org:444"]
)
async def test_no_other_origin_is_told_anything(origin: str, tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", http={"cors_origins": "https://viewer.example.org"}):
        read = await site.get("/studies", Origin=origin)
        assert "access-control-allow-origin" not in read.headers
        assert read.headers["cross-origin-resource-policy"] == "same-origin"
        ask = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
        preflight = await site.http.options("/studies/1.2", headers=ask)
        assert "access-control-allow-origin" not in preflight.headers
        assert (await site.http.delete("/studies/1.2", headers={"Origin": origin})).status_code == 403
        allowed = await site.get("/studies", Origin="https://viewer.example.org")
        assert allowed.headers["access-control-allow-origin"] == "https://viewer.example.org"
        assert "access-control-allow-credentials" not in allowed.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example@127.0.0.1", "", "127.0.0.1:80:80", "localhost.", "[::1"]
)
async def test_no_other_host_is_answered_nor_stands_in_an_answer(site: Site, host: str) -> None:
    answer = await site.get("/studies", Host=host)
    assert answer.status_code == 400
    assert "evil" not in answer.text
