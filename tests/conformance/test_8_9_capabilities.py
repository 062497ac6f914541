"""PS3.18 8.9: what the table of transactions says is what is answered, in every form that can be asked for; and its curl lines work."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from app.api.describe import EXAMPLE_INSTANCE, EXAMPLES, document, operation_id
from app.dicomweb.http_reference import as_markdown, example_path, headers
from app.dicomweb.media_types import DICOM_JSON
from app.dicomweb.rendering import IMAGES
from app.dicomweb.resources import RENDERED_3D, RENDERED_MPR
from app.dicomweb.transactions import FRAME_TYPES, JSON, STREAMS, TRANSACTIONS, WRITTEN, Transaction
from tests.api.conftest import Site
from tests.conformance.test_examples import IMAGE
from tests.e2e.server import running

ROWS = [row for row in TRANSACTIONS if not row.missing]
READ = [row for row in ROWS if row.method == "GET"]
FORMS = (
    *dict.fromkeys(kind for row in ROWS for answer in row.answers for kind in answer.media_types),
    "application/dicom; transfer-syntax=*",
    "image/png",
    "*/*",
)


def declared(row: Transaction) -> set[tuple[int, str]]:
    """Status and media type of every answer that the table tells of, without parameters but `type`."""
    return {(answer.status, kind) for answer in row.answers for kind in answer.media_types or ("",)}


def bare(content_type: str) -> str:
    return "; ".join(part for part in content_type.split("; ") if not part.startswith(("boundary=", "transfer-syntax=")))


@pytest.mark.parametrize("row", READ, ids=operation_id)
async def test_every_answer_stands_in_the_table(row: Transaction, site: Site, root: Path) -> None:
    await site.http.post("/studies", content=(root / IMAGE).read_bytes(), headers={"Content-Type": "application/dicom"})
    for form in FORMS:
        for ask in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=0-1,4-5"}, {"Range": "bytes=99999999-"}):
            answer = await site.get(example_path(row), form, **ask)
            if answer.status_code < 300:
                assert (answer.status_code, bare(answer.headers["content-type"])) in declared(row), (form, ask)
            else:
                assert answer.status_code in row.errors, (form, ask)


@pytest.mark.parametrize("row", ROWS, ids=operation_id)
async def test_every_media_type_of_the_table_can_be_had(row: Transaction, site: Site, root: Path) -> None:
    """A single value of bulkdata is one of pixel data here: the example has both. It has three frames, and is no video, document, report or
    waveform."""
    image = (root / IMAGE).read_bytes()
    for kind in {kind for status, kind in declared(row) if status == 200 and kind}:
        await site.http.post("/studies", content=image, headers={"Content-Type": "application/dicom"})
        path = example_path(row).replace("contentType=application/dicom", f"contentType={kind}")  # the URI service asks by parameter
        if row.path.endswith((RENDERED_MPR, RENDERED_3D)) and "dicom" in kind:
            path += "?renderedvolumetricmetadata=yes"
        answer = await site.http.request(row.method, path, headers={**headers(row), "Accept": kind}, content=image if row.body else None)
        if answer.status_code == 406 and row.service in {"Rendered", "URI"}:
            several = row.path.endswith(("{instance}/rendered", "{frames}/rendered"))
            assert kind.removeprefix("multipart/related; type=").strip('"') in {*STREAMS, *WRITTEN} or (several and kind in IMAGES)
        elif answer.status_code == 406:
            # The example has several values and frames: single parts are for a resource that is one (PS3.18 8.6.1.1).
            assert kind in ("application/octet-stream", *FRAME_TYPES)
            assert row.path.endswith(("/bulkdata", "/pixeldata", "/frames/{frames}"))
        else:
            assert bare(answer.headers["content-type"]) == kind


def test_every_route_of_the_openapi_document_has_examples() -> None:
    for path, methods in document("/dicom-web")["paths"].items():
        for described in methods.values():
            assert all(parameter["example"] for parameter in described.get("parameters", ())), path
            contents = [answer.get("content", {}) for status, answer in described["responses"].items() if status < "3"]
            for content in (described.get("requestBody", {}).get("content", {}), *contents):
                assert all("example" in form for kind, form in content.items() if kind in {JSON, DICOM_JSON}), path


async def test_the_examples_are_what_is_answered(site: Site) -> None:
    for path in ("/health/live", "/health/ready", "/version"):
        assert (await site.http.get(f"http://127.0.0.1{path}")).json() == EXAMPLES[path]
    stored = await site.http.post("/studies", json=[EXAMPLE_INSTANCE], headers={"Content-Type": DICOM_JSON})
    assert stored.status_code == 200
    explained = (await site.http.get("/debug/negotiate?resource=/studies", headers={"Accept": DICOM_JSON})).json()
    assert set(explained) == set(EXAMPLES["/debug/negotiate"])
    assert explained["accept"] == EXAMPLES["/debug/negotiate"]["accept"]


def test_the_curl_lines_of_the_reference_work_as_they_stand(tmp_path: Path, root: Path) -> None:
    (tmp_path / "image.dcm").write_bytes((root / IMAGE).read_bytes())
    lines = [line.strip() for line in as_markdown(TRANSACTIONS).splitlines() if line.startswith("    curl ")]
    lines = [line for line in lines if "-X DELETE" not in line]
    assert len(lines) > 20
    with running(tmp_path / "data") as server:
        for line in lines:
            words = [word.replace("$BASE", server.base) for word in shlex.split(line)]
            done = subprocess.run([*words, "--silent", "--fail", "-o", "/dev/null"], check=False, cwd=tmp_path, timeout=60)
            assert done.returncode == 0, line
