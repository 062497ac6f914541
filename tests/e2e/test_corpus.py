"""Every file of pydicom's test data through a real server: stored, found, described and given back, or refused for a right reason.

`docs/corpus.md` lists what became of each file; this test draws it (`make docs`) and fails when the page says otherwise.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from app.dicom import uid
from tests.agreement import compare
from tests.builders import corpus
from tests.e2e.server import Server
from tests.parts import parts_of

PAGE = Path("docs/corpus.md")
REDRAW = "REDRAW_CORPUS"
PART10 = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
HEAD = """\
# The corpus, file by file

What becomes of every file in pydicom's own test data and in the `pydicom-data` package when it is sent to a running server. "stored" means:
acknowledged, found by search, its metadata equal to the file element by element, and given back with the same data set. Drawn by
`tests/e2e/test_corpus.py`; `make docs` draws it anew.

| file | outcome | remarks |
|---|---|---|
"""


@dataclass(slots=True)
class Outcomes:
    rows: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def outcomes(root: Path) -> Iterator[Outcomes]:
    """Collects a row for each file; at the end the page is drawn if so asked."""
    found = Outcomes()
    yield found
    if os.environ.get(REDRAW):
        (root / PAGE).write_text(HEAD + "".join(found.rows[name] for name in sorted(found.rows)), encoding="utf-8")


def name_of(path: Path) -> str:
    return "/".join(path.parts[-2:]) if path.parent.name not in {"test_files", "data"} else path.name


def read(data: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = pydicom.dcmread(io.BytesIO(data), force=True)
        # It gives up as a whole where encapsulated pixel data are cut off.
        return whole if len(whole) else pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)


@pytest.mark.parametrize("path", corpus(), ids=name_of)
def test_r6_every_file_is_stored_and_given_back_or_refused_for_a_right_reason(
    path: Path, server: Server, outcomes: Outcomes, root: Path
) -> None:
    data = path.read_bytes()
    name = name_of(path)
    with httpx.Client(base_url=server.base, timeout=120) as client:
        answer = client.post("/studies", content=data, headers={"Content-Type": "application/dicom"})
        report = answer.json()
        if answer.status_code == 409:
            item = report.get("00081198", report.get("0008119A"))["Value"][0]
            assert_rightly_refused(data, item)
            row = f"| {name} | refused, {item['00081197']['Value'][0]:04X} | {item['00000902']['Value'][0]} |\n"
        else:
            assert answer.status_code in {200, 202}, answer.text
            (item,) = report["00081199"]["Value"]
            study = item["00081190"]["Value"][0].removeprefix(server.base).split("/")[2]
            try:
                assert_found_described_and_given_back(client, data, item)
            finally:
                assert client.delete(f"/studies/{study}").status_code == 204
            comments = "; ".join(item.get("00000902", {}).get("Value", []))
            assert bool(comments) == (answer.status_code == 202)
            row = f"| {name} | stored{' with a warning' if comments else ''} | {comments} |\n"
    outcomes.rows[name] = row
    if not os.environ.get(REDRAW):
        assert row in (root / PAGE).read_text(encoding="utf-8"), f"docs/corpus.md says otherwise; run `make docs`: {row}"


def assert_rightly_refused(data: bytes, item: dict[str, Any]) -> None:
    """Right: a second reader cannot identify it either, or it is a DICOMDIR."""
    reason = item["00081197"]["Value"][0]
    if reason == 0x0122:
        assert pydicom.dcmread(io.BytesIO(data)).file_meta.MediaStorageSOPClassUID == "1.2.840.10008.1.3.10"
        return
    assert reason == 0xC000, item
    try:
        theirs = read(data)
    except Exception:  # noqa: BLE001 - whatever it stumbles over, it cannot read it
        return
    assert not all(uid.is_valid(str(theirs.get(keyword, ""))) for keyword in IDENTITY), "pydicom can identify it"


def assert_found_described_and_given_back(client: httpx.Client, data: bytes, item: dict[str, Any]) -> None:
    base = str(client.base_url).rstrip("/")
    place = item["00081190"]["Value"][0].removeprefix(base)
    _, _, study, _, series, _, instance = place.split("/")
    for query in (f"/studies?StudyInstanceUID={study}", f"/studies/{study}/series", f"/series?SeriesInstanceUID={series}",
                  f"/studies/{study}/series/{series}/instances", f"/instances?SOPInstanceUID={instance}&includefield=all"):  # fmt: skip
        assert len(client.get(query).raise_for_status().json()) == 1, query
    (metadata,) = json.loads(client.get(place + "/metadata").raise_for_status().text, parse_constant=pytest.fail)
    returned = parts_of(client.get(place, headers=PART10).raise_for_status())[0]
    given_back, theirs = read(returned.body), read(data)
    assert metadata.pop("00083002")["Value"] == [str(given_back.file_meta.TransferSyntaxUID)]
    assert returned.content_type == f"application/dicom; transfer-syntax={given_back.file_meta.TransferSyntaxUID}"
    for reading in (turned(theirs), given_back):
        # Pixel data that a second reader gives up on, being cut off, are not its to compare.
        comparable = {tag: value for tag, value in metadata.items() if tag != "7FE00010" or "PixelData" in reading}
        assert list(compare(reading, comparable)) == []
    for uri in bulkdata_uris(metadata):
        assert client.get(uri.removeprefix(base)).status_code == 200, uri
    assert_same_pixels(theirs, given_back)


def turned(theirs: pydicom.Dataset) -> pydicom.Dataset:
    """The data set with its words in little endian, as bulkdata and inline binary always are (PS3.18 8.7.3.3.1)."""
    if theirs.original_encoding[1] is False:
        for element in theirs:
            if element.VR == "OW" and element.tag != 0x7FE00010:
                element.value = swapped(element.value)
    return theirs


def swapped(words: bytes) -> bytes:
    turned_words = array("H", words)
    turned_words.byteswap()
    return turned_words.tobytes()


def assert_same_pixels(theirs: pydicom.Dataset, given_back: pydicom.Dataset) -> None:
    if "PixelData" not in theirs or "PixelData" not in given_back:
        return
    original = theirs.PixelData
    if theirs.original_encoding[1] is False and theirs["PixelData"].VR == "OW" and theirs.BitsAllocated <= 16:
        original = swapped(original)
    if theirs.original_encoding[1] is not False or theirs.BitsAllocated <= 16:
        assert given_back.PixelData.rstrip(b"\0") == original.rstrip(b"\0")
    else:
        assert bytes(given_back.pixel_array.astype("<u4").tobytes()) == theirs.pixel_array.astype("<u4").tobytes()


def bulkdata_uris(item: dict[str, Any]) -> Iterator[str]:
    for element in item.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"]
        if element["vr"] == "SQ":
            for nested in element.get("Value", []):
                yield from bulkdata_uris(nested)


def test_the_page_lists_every_file_and_no_other(root: Path) -> None:
    if os.environ.get(REDRAW):
        return
    rows = [
        line for line in (root / PAGE).read_text(encoding="utf-8").splitlines() if line.startswith("| ") and not line.startswith("| file")
    ]
    assert len(rows) == len({name_of(path) for path in corpus()})
