"""When something last changed is found from a b-tree, also for a study that changed long ago, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from app.index import migrate
from app.index.changes import last, newest_first
from app.index.database import engine, parse
from app.index.tables import CHANGE
from app.model import Target
from tests.contract.index import ALL, target
from tests.services.postgres import Server

CHANGES = [
    {"kind": "created", "study_uid": f"1.{n % 300}", "series_uid": f"1.{n % 300}.{n % 3}", "instance_uid": f"2.{n}", "digest": "", "at": n}
    for n in range(6000)
]


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{tmp_path}/changes.db")
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as url:
            yield from _filled(url)


def _filled(url: str) -> Iterator[Connection]:
    migrate(url)
    opened = engine(parse(url), 1, reading=False)
    with opened.begin() as connection:
        connection.execute(insert(CHANGE), CHANGES)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE change"))
        yield connection
    opened.dispose()


@pytest.mark.parametrize(
    "place", [target("1.7"), target("1.7", "1.7.1"), target("1.7", "1.7.1", "2.7")], ids=["study", "series", "instance"]
)
def test_the_last_change_comes_from_a_b_tree(connection: Connection, place: Target) -> None:
    compiled = newest_first(place, ALL).limit(1).compile(connection.engine)
    values = compiled.params if compiled.positiontup is None else tuple(compiled.params[name] for name in compiled.positiontup)
    word = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    lines = [str(row[-1]) for row in connection.exec_driver_sql(word + str(compiled), values)]
    assert any("change_target" in line for line in lines), lines
    assert not any("Seq Scan" in line or line.startswith("SCAN") for line in lines), lines


def test_the_last_of_many_is_the_newest(connection: Connection) -> None:
    found = last(connection, target("1.7"), ALL)
    assert found is not None
    assert (found.target.instance, found.at) == ("2.5707", 5707)
