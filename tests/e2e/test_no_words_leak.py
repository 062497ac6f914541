"""Whatever is done, and whatever goes wrong, no patient's name or id stands in the log or in the answer to an error (H7).

The audit trail holds the text of queries, as PS3.15 A.5 asks for, and nothing else that a patient is known by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import httpx
import pydicom

from tests.builders import corpus, multipart
from tests.e2e.server import running
from tests.mutants import mutants

KEYWORDS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientIDs",
    "ReferringPhysicianName",
    "AccessionNumber",
    "PatientAddress",
)
SHORTEST = 5
LARGEST = 300_000
COMMON = frozenset({"anonymous", "unknown", "patient", "test", "none", "19000101"})


def words(files: Iterable[Path]) -> set[str]:
    """All that a patient of these files is known by, and the pieces of names; what is too short or too common to be told apart is not."""
    found: set[str] = set()
    for path in files:
        try:
            read = pydicom.dcmread(path, force=True, stop_before_pixels=True)
            values = [str(read.get(keyword, "") or "") for keyword in KEYWORDS]
        except Exception:  # noqa: BLE001 - what pydicom cannot read it cannot tell us about
            continue
        for value in values:
            found |= {value, *re.split(r"[\^=\\ ]", value)}
    return {word for word in found if len(word) >= SHORTEST and word.lower() not in COMMON and word.isprintable()}


def standing(words: Iterable[str], text: str) -> set[str]:
    return {word for word in words if re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", text)}


def without_queries(line: str) -> str:
    entry = json.loads(line)
    entry.get("detail", {}).pop("query", None)
    entry.pop("query", None)
    return json.dumps(entry, ensure_ascii=False)


def test_no_name_or_id_of_a_patient_stands_in_log_or_audit_trail_or_error(tmp_path: Path) -> None:
    files = [path for path in corpus() if path.stat().st_size < LARGEST]
    secret = words(files)
    assert len(secret) > 50
    errors: list[str] = []
    with running(tmp_path / "data", environment={"RADIOLUCENT_LOG__LEVEL": "debug"}) as server, httpx.Client(timeout=60) as http:

        def ask(method: str, url: str, **arguments: object) -> httpx.Response:
            answer = http.request(method, url, **arguments)  # type: ignore[arg-type]
            if answer.status_code >= 400:
                errors.append(answer.text)
            errors.append(str(dict(answer.headers)))
            return answer

        for begin in range(0, len(files), 20):
            body, kind = multipart([path.read_bytes() for path in files[begin : begin + 20]])
            ask("POST", f"{server.base}/studies", content=body, headers={"Content-Type": kind})
        source = mutants(7)
        body, kind = multipart([next(source) for _ in range(40)])
        ask("POST", f"{server.base}/studies", content=body, headers={"Content-Type": kind})
        ask("POST", f"{server.base}/studies", content=body[:-30], headers={"Content-Type": kind})
        for path in files[:10]:
            ask("POST", f"{server.base}/studies", content=path.read_bytes()[132:], headers={"Content-Type": "application/dicom+json"})
            ask("POST", f"{server.base}/studies", content=path.read_bytes(), headers={"Content-Type": "application/dicom+xml"})
        for word in sorted(secret):
            for query in ({"PatientName": f"{word}*"}, {"PatientID": word}, {"StudyDate": word}, {"NumberOfFrames": word, "limit": word}):
                ask("GET", f"{server.base}/studies", params=query)
            if not re.fullmatch(r"[0-9.]+", word):  # which could be a UID, and those do stand in the trail
                ask("GET", f"{server.base}/studies/{word}/metadata")
                ask("DELETE", f"{server.base}/studies/{word}/series/1")
        for instance in ask("GET", f"{server.base}/instances?limit=1000").json():
            study, series, uid = (instance[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
            place = f"{server.base}/studies/{study}/series/{series}/instances/{uid}"
            for resource, accept in (
                ("/metadata", "*/*"),
                ("/frames/99", "*/*"),
                ("/rendered", "image/png"),
                ("/rendered?window=1", "*/*"),
            ):
                ask("GET", place + resource, headers={"Accept": accept})
    told = server.log.read_text(errors="replace")
    audit = (tmp_path / "data" / "audit.jsonl").read_text().splitlines()
    assert len(audit) > 100
    assert standing(secret, told) == set()
    assert standing(secret, "\n".join(map(without_queries, audit))) == set()
    assert standing(secret, "\n".join(errors)) == set()


def test_the_search_for_words_finds_them() -> None:
    assert standing({"Zebulon", "12345"}, "INFO Zebulon^Quincy 1.2.12345.6 x12345") == {"Zebulon"}
