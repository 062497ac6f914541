"""A database of any earlier version, with what was stored in it, becomes one of this version and loses nothing, kill -9 or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, insert, select, text

from app.index import migrate, open_index
from app.index.database import engine, parse
from app.index.schema import _config
from app.index.tables import STUDY
from app.model import Level
from tests.contract.index import ALL, REFUSE, found, objects, query
from tests.contract.index_searching import SITE, patients, patients_of, with_keys
from tests.contract.records import record
from tests.services.postgres import Server

RECORDS = [
    record("1", "1.1", "1.1.1", PatientID="A", StudyDate="20240101", StudyTime="0030", TimezoneOffsetFromUTC="+0100", SliceThickness=2),
    record("1", "1.2", "1.2.1", AcquisitionDateTime="20240101120000", TimezoneOffsetFromUTC="-0530"),
    record("2", "2.1", "2.1.1", PatientID="A", IssuerOfPatientID="X", StudyDate="20240101", TimezoneOffsetFromUTC="none"),
    record("3", "3.1", "3.1.1", StudyDate="20240101", StudyTime="0030", PatientComments="quiet"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """Two empty databases of one kind."""
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path}/{name}.db" for name in ("new", "old")]
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as new, server.database() as old:
        yield [new, old]


VERSIONS = sorted(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())

KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from app.index import migrate
left = int(sys.argv[2])
@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
migrate(sys.argv[1])
"""


def make_version(url: str, version: str) -> None:
    opened = engine(parse(url), 1)
    with opened.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    opened.dispose()


def copy(new: str, old: str) -> None:
    """All rows, as far as the first version has a place for them."""
    source, goal = engine(parse(new), 1, reading=True), engine(parse(old), 1)
    with source.connect() as reading, goal.begin() as writing:
        there = MetaData()
        there.reflect(writing)
        for table in STUDY.metadata.sorted_tables:
            if table.name not in there.tables:
                continue
            # Nothing refers to a value's own id, and new ones must not meet old ones.
            columns = [column.name for column in there.tables[table.name].columns if (table.name, column.name) != ("attribute_value", "id")]
            rows = reading.execute(select(*(table.c[name] for name in columns))).mappings().all()
            if rows:
                writing.execute(insert(there.tables[table.name]), [dict(row) for row in rows])
    source.dispose()
    goal.dispose()


@pytest.mark.parametrize("version", VERSIONS[:-1])
async def test_what_an_earlier_version_has_stored_is_found_by_this_one(urls: list[str], version: str) -> None:
    new, old = urls
    index = open_index(new)
    await index.add(RECORDS, REFUSE)
    expected = [objects(await index.search(query(level), access=ALL)) for level in Level]
    await index.close()
    make_version(old, version)
    copy(new, old)
    migrate(old)
    index = open_index(old, site=SITE)
    assert [objects(await index.search(query(level), access=ALL)) for level in Level] == expected
    zone = {"TimezoneOffsetFromUTC": "+0000"}
    assert await found(index, Level.STUDY, StudyDate="20231231", **zone) == ["1"]
    assert await found(index, Level.STUDY, StudyDate="20240101", **zone) == ["3", "2"]
    assert patients_of(await index.search(patients(), access=ALL)) == [("A", None, 1, 2, 2), ("A", None, 1, 1, 1)]
    assert await found(index, Level.INSTANCE, AcquisitionDateTime="202401011730+0000") == ["1.2.1"]
    assert (await index.search(with_keys(Level.STUDY, "SliceThickness=2"), access=ALL)).warnings
    assert [filling.done async for filling in index.fill_keys()] == [4]
    page = await index.search(with_keys(Level.STUDY, "SliceThickness=2"), access=ALL)
    assert ([obj["0020000D"]["Value"] for obj in objects(page)], page.warnings) == ([["1"]], ())
    page = await index.search(with_keys(Level.STUDY, "PatientComments=q*"), access=ALL)
    assert [obj["0020000D"]["Value"] for obj in objects(page)] == [["3"]]
    await index.close()


def test_every_version_is_one_step_from_the_one_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/steps.db"
    make_version(url, "0001")
    migrate(url)
    opened = engine(parse(url), 1, reading=True)
    with opened.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    opened.dispose()


async def test_a_migration_that_is_killed_at_any_statement_is_begun_again(urls: list[str]) -> None:
    new, old = urls
    index = open_index(new)
    await index.add(RECORDS, REFUSE)
    expected = [objects(await index.search(query(level), access=ALL)) for level in Level]
    await index.close()
    make_version(old, "0001")
    copy(new, old)
    killed = 0
    for statement in (2, 5, 9, 15, 24, 36):
        done = subprocess.run([sys.executable, "-c", KILLED, old, str(statement)], check=False)
        killed += done.returncode != 0
    assert killed >= 4
    migrate(old)
    index = open_index(old)
    assert [objects(await index.search(query(level), access=ALL)) for level in Level] == expected
    await index.check()
    await index.close()
