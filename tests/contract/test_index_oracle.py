"""SQLite, PostgreSQL and `dicomweb.matching` find the same resources in the same order, whatever is stored and asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.dicom.attributes import DEPTH, tag
from app.dicom.site_keys import parse as site_keys
from app.dicomweb import matching
from app.dicomweb.query import Query, parse
from app.index import SqlIndex, open_index
from app.model import InstanceRecord, Level, Target, Uid
from tests.contract.index import ALL, REFUSE, objects
from tests.contract.records import CT, MR, record
from tests.services.postgres import Server

TEXTS = ["a", "A", "ab", "a%", "a_b", "a\\b", "[a]", "b a", "é", "日本", "a\U0001f600"]
NAMES = ["Doe^Jane", "DOE^John", "Döe^Jané", "doe", "Yamada^Tarou=山田^太郎=やまだ^たろう", "van der Berg^Jan", "Smith-Doe^X"]
DATES = ["20240101", "20240102", "20240103", "2024.01.02", "20231231"]
TIMES = ["12", "1215", "121500.5", "1300", "000000", "23:59:59"]
NUMBERS = [1, 2, "007", "7", -3, 10, "x"]

STUDY: dict[str, list[Any]] = {
    "StudyDate": DATES,
    "StudyTime": TIMES,
    "PatientID": TEXTS,
    "PatientName": NAMES,
    "IssuerOfPatientID": ["X", "Y"],
    "AccessionNumber": TEXTS,
    "StudyDescription": TEXTS,
    "PatientWeight": [70, 70.5, "70.50", "1e2"],
}
SERIES: dict[str, list[Any]] = {
    "Modality": ["CT", "MR"],
    "SeriesNumber": NUMBERS[:3],
    "SeriesDescription": TEXTS,
    "OperatorsName": NAMES,
    "PerformedProcedureStepStartDate": DATES,
    "PerformedProcedureStepStartTime": TIMES,
}
INSTANCE: dict[str, list[Any]] = {
    "InstanceNumber": NUMBERS,
    "ContentDate": DATES,
    "ContentTime": TIMES,
    "ContentLabel": TEXTS,
    "Rows": [1, 512],
    "AcquisitionDateTime": ["20240101", "20240102120000+0100", "20240102110000", "2024"],
}
MULTIPLE = {"OtherPatientIDs": TEXTS, "SoftwareVersions": TEXTS, "ImageType": ["ORIGINAL", "DERIVED", "AXIAL"]}
SEQUENCES = {
    "ProcedureCodeSequence": ["CodeValue", "CodingSchemeDesignator"],
    "RequestAttributesSequence": ["ScheduledProcedureStepID", "RequestedProcedureID"],
    "ConceptNameCodeSequence": ["CodeValue", "CodingSchemeDesignator"],
    "DeidentificationMethodCodeSequence": ["CodeValue"],
}
COMPUTED = {"ModalitiesInStudy": ["CT", "MR", "PT"], "SOPClassesInStudy": [CT, MR]}
UIDS = {
    "StudyInstanceUID": ["1", "2", "3"],
    "SeriesInstanceUID": ["1.1", "2.2"],
    "SOPInstanceUID": ["1.1.1", "3.2.2"],
    "SOPClassUID": [CT, MR],
}
SITE = site_keys(
    (
        "instance:SliceThickness",
        "series:KVP",
        "study:PatientComments",
        "study:DeidentificationMethodCodeSequence.CodeValue",
        "series:00091001:LO:ACME 1.0",
        "instance:ScheduledProcedureStepStartDateTime",
    )
)
OWN: dict[str, list[Any]] = {
    "SliceThickness": [1, "1.0", 2.5, -3, "x"],
    "KVP": [80, 120, "1e2"],
    "PatientComments": TEXTS,
    "ScheduledProcedureStepStartDateTime": ["20240101", "20240102120000+0100", "20240102110000"],
}
PRIVATE = "00091001"
OFFSETS = ["+0000", "+0100", "-0500", "+1400", "-1200", "+0530", "+0117", "0100"]
OFFSET = "TimezoneOffsetFromUTC"
SINGLE: dict[str, list[Any]] = {**STUDY, **SERIES, **INSTANCE, **OWN}
VALUES: dict[str, list[Any]] = {**SINGLE, **MULTIPLE, **COMPUTED, **UIDS}

THEMES = [
    ["StudyDate", "StudyTime", OFFSET],
    ["ContentDate", "ContentTime", OFFSET],
    ["AcquisitionDateTime", OFFSET],
    ["Modality", "SeriesNumber", "Rows"],
    ["PatientID", "IssuerOfPatientID", "PatientName"],
    [PRIVATE],
    *([name] for name in SEQUENCES),
]
"""Attributes that mean more together than apart."""

few_texts = st.sampled_from(TEXTS[:3])


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[list[InstanceRecord], list[Query]]:
    """What is stored, and what is asked of it: both speak of the same few attributes, so that much is found and much is nearly found."""
    theme = draw(st.lists(st.sampled_from([*SINGLE, *MULTIPLE]), min_size=1, max_size=3, unique=True))
    theme += draw(st.sampled_from([[], *THEMES]))
    digits = st.sampled_from("123")
    places = draw(st.lists(st.tuples(digits, st.sampled_from("12"), digits), min_size=2, max_size=9, unique=True))
    stored = [draw(one_record(theme, study, f"{study}.{series}", f"{study}.{series}.{number}")) for study, series, number in places]
    return stored, draw(st.lists(queries(theme), min_size=6, max_size=12))


@st.composite
def one_record(draw: st.DrawFn, theme: list[str], study: str, series: str, instance: str) -> InstanceRecord:
    values: dict[str, Any] = {}
    private: dict[str, Any] = {}
    for name in dict.fromkeys(theme):
        if name == PRIVATE:
            private = draw(private_elements())
        elif name == OFFSET:
            values[name] = draw(st.sampled_from([*OFFSETS, None]))
        elif name in SEQUENCES:
            items = st.fixed_dictionaries({}, optional=dict.fromkeys(SEQUENCES[name], few_texts))
            values[name] = draw(st.lists(items, max_size=3))
        elif name in MULTIPLE:
            values[name] = draw(st.lists(st.sampled_from(MULTIPLE[name]), max_size=3))
        else:
            values[name] = draw(st.sampled_from([*SINGLE[name], None]))
    return record(study, series, instance, sop_class=draw(st.sampled_from([CT, MR])), private=private, **values)


@st.composite
def private_elements(draw: st.DrawFn) -> dict[str, Any]:
    """A private attribute in whatever block its creator, or another one, has reserved."""
    block, creator = draw(st.sampled_from(["10", "11", "FF"])), draw(st.sampled_from(["ACME 1.0", "ACME 1.0 ", "OTHER"]))
    value = {"vr": "LO", "Value": [draw(few_texts)]}
    found = {f"000900{block}": {"vr": "LO", "Value": [creator]}, f"0009{block}01": value}
    return found if draw(st.booleans()) else {f"0009{block}01": value}


def _range(values: list[str]) -> st.SearchStrategy[str]:
    ends = st.sampled_from(values)
    return st.one_of(ends, ends.map("-{}".format), ends.map("{}-".format), st.tuples(ends, ends).map("-".join))


def _wild(values: list[str]) -> st.SearchStrategy[str]:
    whole = st.sampled_from(values)
    cut = st.tuples(whole, st.integers(0, 4), st.sampled_from("*?"), st.booleans())
    return (
        whole
        | cut.map(lambda c: c[0][: c[1]] + c[2] + (c[0][c[1] + 1 :] if c[3] else ""))
        | whole.map("*{}*".format)
        | whole.map("?{}".format)
    )


@st.composite
def queries(draw: st.DrawFn, theme: list[str]) -> Query:
    names = draw(st.lists(st.sampled_from(theme), max_size=3, unique=True))
    names += draw(st.lists(st.sampled_from([*COMPUTED, *UIDS]), max_size=1)) if draw(st.integers(0, 3)) == 0 else []
    if {"StudyDate", "ContentDate"} & set(names):
        names += [pair for name in names if name.endswith("Date") and (pair := name.replace("Date", "Time")) in theme and pair not in names]
    if OFFSET in theme and OFFSET not in names and draw(st.booleans()):
        names.append(OFFSET)
    items: list[tuple[str, str]] = []
    empty = draw(st.sampled_from([False, False, True]))
    for name in names:
        if name in SEQUENCES:
            leaves = SEQUENCES[name][draw(st.sampled_from([0, 0, 1])) :]
            items += [(f"{name}.{leaf}", draw(_or_empty(empty, few_texts | _wild(TEXTS[:3])))) for leaf in leaves]
        elif name == PRIVATE:
            items += [(name, draw(_or_empty(empty, few_texts))), ("00090010", "ACME 1.0")]
        elif name == OFFSET:
            items.append((name, draw(st.sampled_from(OFFSETS[:6]))))
        else:
            items.append((name, draw(_or_empty(empty, _value(name)))))
    items += [(switch, "true") for switch in ("fuzzymatching", "multiplevaluematching") if draw(st.booleans())]
    items += [("emptyvaluematching", "true")] if empty else []
    level = draw(st.sampled_from(Level))
    under = draw(st.sampled_from([Target(), Target(), Target(Uid("1")), Target(Uid("1"), Uid("1.1"))][: 2 + DEPTH[level]]))
    wanted = parse(items, level=level, target=under, wildcards=16, site=SITE)
    by = draw(st.lists(st.sampled_from(_orderable(theme, level)), max_size=3, unique=True)) if draw(st.booleans()) else []
    if not by:
        return wanted
    items.append(("orderby", ",".join(draw(st.sampled_from(["", "-"])) + name for name in by)))
    items += [("00090010", "ACME 1.0")] if PRIVATE in by and PRIVATE not in names else []
    return parse(items, level=level, target=under, wildcards=16, site=SITE)


def _or_empty(empty: bool, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return values | st.just('""') if empty else values


def _orderable(theme: list[str], level: Level) -> list[str]:
    fixed = ["StudyDate", "ModalitiesInStudy", "StudyInstanceUID"]
    upper = {**STUDY, "PatientComments": 0, "OtherPatientIDs": 0}
    lower = {Level.STUDY: {}, Level.SERIES: {**SERIES, "KVP": 0, PRIVATE: 0}, Level.INSTANCE: {**SERIES, **INSTANCE, **OWN, PRIVATE: 0}}
    return list(dict.fromkeys([*fixed, *(name for name in theme if name in upper or name in lower[level])]))


def _value(name: str) -> st.SearchStrategy[str]:
    values = list(map(str, VALUES[name]))
    if name.endswith(("Date", "Time")) and name != "AcquisitionDateTime":
        return _range([v for v in values if "." not in v[:5] and ":" not in v])
    if name == "AcquisitionDateTime":
        return st.sampled_from(["20240101", "20240102", "2024", "20240101-20240102", "-20240102115959", "20240102120000+0100"])
    if name.endswith("UID") or name == "SOPClassesInStudy":
        return st.lists(st.sampled_from(values), min_size=1, max_size=2).map(",".join)
    if name == "ScheduledProcedureStepStartDateTime":
        return st.sampled_from(["20240101", "20240102", "20240102120000+0100"])
    if name in ("SeriesNumber", "InstanceNumber", "Rows", "PatientWeight", "SliceThickness", "KVP"):
        return st.sampled_from([v for v in values if v != "x"])
    return _wild(values)


@dataclass(frozen=True)
class Found:
    """The same search three times: at once, page by page with cursors, and as patients."""

    whole: list[Target]
    paged: list[Target]
    offset: list[Target]
    patients: list[tuple[str, str, int, int, int]]


async def _found(index: SqlIndex, query: Query) -> Found:
    page = await index.search(replace(query, count=True), access=ALL)
    whole = list(map(target_of, objects(page)))
    assert page.total == len(whole)
    paged: list[Target] = []
    page = await index.search(replace(query, limit=2), access=ALL)
    paged += map(target_of, objects(page))
    while page.last:
        assert page.remaining == len(whole) - len(paged)
        page = await index.search(replace(query, limit=2, after=page.last, seen=len(paged)), access=ALL)
        paged += map(target_of, objects(page))
    offset = list(map(target_of, objects(await index.search(replace(query, limit=3, offset=2), access=ALL))))
    patients = await index.search(replace(query, level=Level.STUDY, target=Target(), order=(), by_patient=True), access=ALL)
    return Found(whole, paged, offset, [_patient(obj) for obj in objects(patients)])


def _patient(obj: dict[str, Any]) -> tuple[str, str, int, int, int]:
    patient_id, issuer = (obj.get(tag(name), {}).get("Value", [""])[0] for name in ("PatientID", "IssuerOfPatientID"))
    studies, series, instances = (obj[f"0020120{number}"]["Value"][0] for number in (0, 2, 4))
    return patient_id, issuer, studies, series, instances


def _expected(query: Query, stored: list[InstanceRecord]) -> Found:
    whole = matching.search(query, stored)
    patients = matching.patients(replace(query, level=Level.STUDY, target=Target(), order=()), stored)
    counted = [(one.patient_id, one.issuer, one.studies, one.series, one.instances) for one in patients]
    return Found(whole, whole, whole[2:5], counted)


class Databases:
    """Both indexes on one event loop for the whole module."""

    def __init__(self, urls: list[str]) -> None:
        self._runner = asyncio.Runner()
        self._indexes = [open_index(url, site=SITE) for url in urls]

    def searched(self, records: list[InstanceRecord], asked: list[Query]) -> list[list[Found]]:
        return self._runner.run(self._searched(records, asked))

    async def _searched(self, records: list[InstanceRecord], asked: list[Query]) -> list[list[Found]]:
        return [await self._of(index, records, asked) for index in self._indexes]

    async def _of(self, index: SqlIndex, records: list[InstanceRecord], asked: list[Query]) -> list[Found]:
        await index.add(records, REFUSE)
        try:
            return [await _found(index, query) for query in asked]
        finally:
            for study in {record.study_uid for record in records}:
                await index.remove(Target(study), access=ALL)

    def close(self) -> None:
        for index in self._indexes:
            self._runner.run(index.close())
        self._runner.close()


def target_of(obj: dict[str, dict[str, list[str]]]) -> Target:
    named = (obj.get(tag(name), {}).get("Value", [None])[0] for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
    return Target(*(None if uid is None else Uid(uid) for uid in named))


@pytest.fixture(scope="module")
def databases(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    path: Path = tmp_path_factory.mktemp("oracle") / "index.db"
    with postgres.database() as url:
        both = Databases([f"sqlite:///{path}", url])
        yield both
        both.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scenario=scenarios())
def test_both_databases_agree_with_the_oracle(databases: Databases, scenario: tuple[list[InstanceRecord], list[Query]]) -> None:
    stored, asked = scenario
    expected = [_expected(query, stored) for query in asked]
    sqlite, postgres = databases.searched(stored, asked)
    for query, wanted, by_sqlite, by_postgres in zip(asked, expected, sqlite, postgres, strict=True):
        assert by_sqlite == wanted, query
        assert by_postgres == wanted, query
