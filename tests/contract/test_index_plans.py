"""How the databases find what is asked: every key answers from a b-tree, on both (statement Q32). Plans are read, not clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, text

from app.dicom.attributes import KEYS, Key, Kind
from app.dicomweb.query import Query
from app.dicomweb.search_results import needs
from app.index import open_index
from app.index.conditions import conditions
from app.index.database import engine, parse
from app.index.ordering import parts
from app.index.patients import page_statement as patients_statement
from app.index.search import page_statement
from app.index.tables import STUDY
from app.index.visibility import visible
from app.model import Access, InstanceRecord, Level
from tests.contract.index import ALL, REFUSE, only, query
from tests.contract.records import record
from tests.services.postgres import Server

KINDS = {
    Kind.UID: "1.{n}",
    Kind.TEXT: "V{n}",
    Kind.NAME: "Name{n}^V",
    Kind.DATE: "2024{n:04}",
    Kind.TIME: "10{n:04}",
    Kind.DATETIME: "20240101{n:06}",
    Kind.INTEGER: "{n}",
    Kind.DECIMAL: "{n}.5",
}
KEY_BY_NAME = {key.keyword: key for key in KEYS}
UPPER = [key for key in KEYS if key.level is not Level.INSTANCE]


def parameter(key: Key) -> str:
    return "__".join(key.path)


def some_value(key: Key, n: int = 101) -> str:
    return KINDS[key.kind].format(n=n)


def plan(connection: Connection, asked: Query, access: Access = ALL, part: int = 0) -> list[str]:
    return explained(connection, page_statement(asked, needs(asked), [visible(access), *conditions(asked)], parts(asked)[part]))


def explained(connection: Connection, statement: Select[Any]) -> list[str]:
    compiled = statement.compile(connection.engine)
    values = compiled.params if compiled.positiontup is None else tuple(compiled.params[name] for name in compiled.positiontup)
    word = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    return [str(row[-1]).strip() for row in connection.exec_driver_sql(word + str(compiled), values)]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path: Path = tmp_path_factory.mktemp("plans") / "index.db"
    url = f"sqlite:///{path}"
    yield from _filled(url, 0)


@pytest.fixture(scope="module")
def postgresql(postgres: Server) -> Iterator[Connection]:
    with postgres.database() as url:
        yield from _filled(url, 1200)


def _filled(url: str, studies: int) -> Iterator[Connection]:
    async def fill() -> None:
        index = open_index(url)
        for start in range(0, studies, 400):
            await index.add([_record(n) for n in range(start, start + 400)], REFUSE)
        await index.close()

    asyncio.run(fill())
    opened = engine(parse(url), 1, reading=True)
    with opened.connect() as connection:
        if studies:
            connection.execute(text("ANALYZE"))
        yield connection
    opened.dispose()


def _record(n: int) -> InstanceRecord:
    values: dict[str, Any] = {key.keyword: some_value(key, n + 101) for key in UPPER if len(key.path) == 1 and not key.computed_from}
    for name in ("StudyInstanceUID", "SeriesInstanceUID"):
        del values[name]
    leaves: dict[str, dict[str, str]] = {}
    for key in UPPER:
        if len(key.path) == 2:
            sequence, leaf = key.keyword.split(".")
            leaves.setdefault(sequence, {})[leaf] = some_value(key, n + 101)
    return record(f"1.{n}", f"1.{n}.1", f"1.{n}.1.1", **{**values, **leaves})


def scans(lines: list[str]) -> list[str]:
    """Steps of a SQLite plan that look at every row of a table or of a b-tree; a list in a parameter is a virtual table."""
    return [line for line in lines if line.startswith("SCAN") and "VIRTUAL TABLE" not in line]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.keyword)
@pytest.mark.parametrize("level", list(Level), ids=lambda level: level.value)
def test_sqlite_searches_a_b_tree_for_every_key(sqlite: Connection, level: Level, key: Key) -> None:
    lines = plan(sqlite, query(level, limit="100", **{parameter(key): some_value(key)}))
    assert lines
    assert scans(lines) == [], lines


@pytest.mark.parametrize("key", UPPER, ids=lambda key: key.keyword)
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES], ids=lambda level: level.value)
def test_postgresql_searches_a_b_tree_for_every_key(postgresql: Connection, level: Level, key: Key) -> None:
    lines = plan(postgresql, query(level, limit="100", **{parameter(key): some_value(key)}))
    assert [line for line in lines if "Seq Scan" in line] == [], lines
    assert any("Index Cond" in line for line in lines), lines


@pytest.mark.parametrize("asked", ["PatientID", "PatientName", "StudyDescription", "AccessionNumber", "OtherPatientIDs"])
def test_the_beginning_of_a_wildcard_is_a_range_of_a_b_tree(sqlite: Connection, postgresql: Connection, asked: str) -> None:
    lines = plan(sqlite, query(Level.STUDY, **{asked: "V50*"}))
    assert scans(lines) == [], lines
    lines = plan(postgresql, query(Level.STUDY, **{asked: "V50*"}))
    assert any("Index Cond" in line and ">=" in line for line in lines), lines


@pytest.mark.parametrize(("asked", "index"), [("PatientID", "study_patient_id_key"), ("StudyDescription", "study_study_description_key")])
def test_a_wildcard_without_a_beginning_reads_one_narrow_b_tree(sqlite: Connection, asked: str, index: str) -> None:
    assert [
        line for line in scans(plan(sqlite, query(Level.STUDY, **{asked: "*50*"}))) if f"USING COVERING INDEX {index}" not in line
    ] == []


def test_a_name_without_a_beginning_reads_only_the_names(sqlite: Connection) -> None:
    lines = plan(sqlite, query(Level.STUDY, PatientName="*garc*"))
    assert scans(lines) == []
    assert any("attribute_value_match (path=?" in line for line in lines), lines


@pytest.mark.parametrize("parameters", [{}, {"StudyDate": "20240101-20241231"}, {"StudyDate": "20240101-20241231", "StudyTime": "10-12"}])
def test_the_newest_studies_come_in_order_without_sorting(sqlite: Connection, parameters: dict[str, str]) -> None:
    lines = plan(sqlite, query(Level.STUDY, limit="100", **parameters))
    assert not [line for line in lines if "TEMP B-TREE" in line], lines
    assert any("study_position" in line for line in lines), lines


@pytest.mark.parametrize("access", [ALL, only("1.1", "1.2"), only(*(f"1.{n}" for n in range(1000)))], ids=["all", "two", "thousand"])
def test_one_study_is_found_by_its_uid(sqlite: Connection, access: Access) -> None:
    asked = query(Level.INSTANCE, StudyInstanceUID="1.1")
    assert scans(plan(sqlite, asked, access)) == []


def test_a_common_modality_is_looked_up_for_the_days_asked_for_only(sqlite: Connection) -> None:
    lines = plan(sqlite, query(Level.STUDY, limit="25", ModalitiesInStudy="CT", StudyDate="20240101-20240102"))
    assert lines[0].startswith("SEARCH study USING INDEX study_position (position>? AND position<?)"), lines
    assert "CORRELATED SCALAR SUBQUERY 1" in lines, lines
    assert scans(lines) == []


@pytest.mark.parametrize("by", ["PatientID", "-PatientID", "StudyDate", "-AccessionNumber,StudyDate"])
def test_an_order_by_a_column_walks_its_b_tree(sqlite: Connection, postgresql: Connection, by: str) -> None:
    asked = query(Level.STUDY, limit="10", orderby=by)
    column = f"study_{KEY_BY_NAME[by.lstrip('-').split(',')[0]].column}_key"
    for lines in (plan(sqlite, asked), plan(sqlite, replace(asked, after=("V1", *rest_of(asked))))):
        assert any(column in line for line in lines), lines
        assert not [line for line in lines if line == "USE TEMP B-TREE FOR ORDER BY"], lines
    lines = plan(postgresql, asked)
    assert any(column in line for line in lines), lines


@pytest.mark.parametrize("by", ["PatientName", "-PatientName", "OtherPatientIDs"])
def test_an_order_by_single_values_walks_their_b_tree(sqlite: Connection, postgresql: Connection, by: str) -> None:
    asked = query(Level.STUDY, limit="10", orderby=by)
    for lines in (plan(sqlite, asked), plan(sqlite, replace(asked, after=("v1", *rest_of(asked))))):
        assert "attribute_value_match (path=?" in lines[0], lines
        assert not [line for line in lines if line == "USE TEMP B-TREE FOR ORDER BY"], lines
        assert of_owner(lines[2]), lines
    lines = plan(postgresql, asked)
    assert any("attribute_value_match" in line for line in lines), lines


def of_owner(line: str) -> bool:
    """One owner's values are looked up, not all values of a path."""
    return "USING INDEX attribute_value_owner (level=? AND owner=?)" in line


@pytest.mark.parametrize("name", ["OtherPatientIDs", "PatientName", "ModalitiesInStudy", "ProcedureCodeSequence__CodeValue"])
def test_q19_that_a_study_has_no_value_is_asked_of_its_own_values(sqlite: Connection, name: str) -> None:
    lines = plan(sqlite, query(Level.STUDY, limit="10", emptyvaluematching="true", **{name: '""'}))
    assert lines[0] == "SCAN study USING INDEX study_position", lines
    assert of_owner(lines[2]), lines


def test_few_matches_are_found_by_what_they_match_and_then_sorted(sqlite: Connection) -> None:
    asked = query(Level.STUDY, limit="10", PatientID="V101", orderby="PatientName")
    (part,) = parts(asked, few=True)
    lines = explained(sqlite, page_statement(asked, needs(asked), [visible(ALL), *conditions(asked)], part))
    assert "study_patient_id_key (patient_id=?)" in lines[0], lines
    assert all(of_owner(line) for line in lines if "attribute_value" in line), lines


def rest_of(asked: Query) -> tuple[str | None, ...]:
    """Marks for what an order goes on with after its first key."""
    return (*(None for _ in asked.order[1:]), "20240101120000.000000", "1.1")


@pytest.mark.parametrize("part", [0, 1])
def test_what_has_no_value_follows_in_the_usual_order(sqlite: Connection, part: int) -> None:
    asked = query(Level.STUDY, limit="10", orderby="PatientName")
    assert len(parts(asked)) == 2
    lines = plan(sqlite, asked, part=part)
    assert any("study_position" in line for line in lines) is bool(part), lines


def test_a_cursor_begins_in_the_b_tree(sqlite: Connection, postgresql: Connection) -> None:
    asked = replace(query(Level.STUDY, limit="10"), after=("20240101120000.000000", "1.1"))
    lines = plan(sqlite, asked)
    assert lines == ["SEARCH study USING INDEX study_position (position<?)"], lines
    lines = plan(postgresql, asked)
    assert any("study_position" in line for line in lines), lines
    assert any("Index Cond" in line for line in lines), lines


def test_patients_come_from_their_b_tree_in_order(sqlite: Connection, postgresql: Connection) -> None:
    asked = replace(query(Level.STUDY, limit="10"), by_patient=True)
    for connection in (sqlite, postgresql):
        lines = explained(connection, patients_statement(asked, [STUDY.c.patient.is_not(None), STUDY.c.patient > "P"]))
        assert any("study_patient" in line for line in lines), lines
        assert not [line for line in lines if "TEMP B-TREE" in line or line.startswith("Sort")], lines


def test_q32_a_patient_id_is_one_step_into_a_b_tree(sqlite: Connection, postgresql: Connection) -> None:
    asked = query(Level.STUDY, limit="100", PatientID="V101")
    assert "study_patient_id_key (patient_id=?)" in plan(sqlite, asked)[0]
    assert any("study_patient_id_key" in line for line in plan(postgresql, asked))
