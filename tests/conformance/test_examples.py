"""PS3.18 8.1, by example: each request in `openapi/examples/` is sent, and the answer is the one that stands there (`make docs`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from app.api.describe import EXAMPLE_CHANGE, operation_id
from app.dicomweb.http_reference import example_path, headers
from app.dicomweb.parameters import PATH_PARAMETERS
from app.dicomweb.transactions import TRANSACTIONS, Transaction
from tests.api.conftest import Site
from tests.builders import instance
from tests.volumes import item

FOLDER = Path("openapi/examples")
IMAGE = FOLDER / "image.dcm"
REDRAW = os.environ.get("REDRAW_EXAMPLES")
ROWS = [row for row in TRANSACTIONS if not row.missing]


def image() -> bytes:
    """An instance under the UIDs of the examples: three frames that make a volume, and a waveform whose samples are bulkdata."""
    waveform = Dataset()
    waveform.WaveformBitsAllocated, waveform.WaveformSampleInterpretation = 16, "SS"
    waveform.WaveformData = bytes(range(256)) * 5
    uids = {f"{name}_uid": PATH_PARAMETERS[name].example for name in ("study", "series", "instance")}
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[1, 1], SliceThickness=2)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    places = [item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 2 * number])]) for number in range(3)]
    return instance(
        **uids,
        frames=3,
        PatientID="P-1001",
        StudyDate="20240131",
        StudyTime="101500",
        WaveformSequence=[waveform],
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=places,
    )


@pytest.mark.parametrize("row", ROWS, ids=operation_id)
async def test_each_example_is_answered_as_it_stands_there(row: Transaction, site: Site, root: Path) -> None:
    if REDRAW and not (root / IMAGE).exists():
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        (root / IMAGE).write_bytes(image())
    body = (root / IMAGE).read_bytes()
    if row.method != "POST":
        await site.http.post("/studies", content=body, headers={"Content-Type": "application/dicom"})
    if row.method == "DELETE" and row.path.endswith("{label}"):
        await site.http.put(example_path(row))
    answer = await site.http.request(row.method, example_path(row), headers=headers(row), content=body if row.body else None)
    kind = answer.headers.get("content-type", "").partition("; boundary")[0]
    example: dict[str, Any] = {
        "request": {"method": row.method, "path": example_path(row), "headers": headers(row)},
        "response": {"status": answer.status_code, "content-type": kind},
    }
    if row.body:
        example["request"]["body"] = IMAGE.name
    if "json" in kind:
        example["response"]["body"] = answer.json()
        for change in example["response"]["body"]["changes"] if row.service == "Changes" else ():
            change["at"] = EXAMPLE_CHANGE["at"]
    assert answer.status_code < 300, answer.text
    path = root / FOLDER / f"{operation_id(row)}.json"
    text = json.dumps(example, indent=2, ensure_ascii=False) + "\n"
    if REDRAW:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_example_belongs_to_a_route(root: Path) -> None:
    assert {path.stem for path in (root / FOLDER).glob("*.json")} == {operation_id(row) for row in ROWS}
