"""The migrations make exactly the tables that `app.index.tables` describes, on both databases, once, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from app.dicom.attributes import KEYS, KEYS_OF
from app.index import migrate
from app.index.database import engine, parse
from app.index.tables import LEVELS, STUDY, key_column
from app.model import Level
from tests.services.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/schema.db"
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as made:
            yield made


def test_migrations_lead_to_the_tables(url: str) -> None:
    migrate(url)
    opened = engine(parse(url), 1, reading=True)
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), STUDY.metadata) == []
        for table in STUDY.metadata.sorted_tables:
            stored = {index["name"] for index in inspect(connection).get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= stored
    opened.dispose()


def test_migrating_again_changes_nothing(url: str) -> None:
    migrate(url)
    migrate(url)


def test_several_may_migrate_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, [url] * 4))
    test_migrations_lead_to_the_tables(url)


def test_text_that_is_matched_is_compared_by_code_points(postgres: Server) -> None:
    with postgres.database() as url:
        migrate(url)
        opened = engine(parse(url), 1, reading=True)
        with opened.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
            )
            assert rows.all() == []
        opened.dispose()


@pytest.mark.parametrize("level", list(Level), ids=lambda level: level.value)
def test_every_key_with_a_column_has_it_and_a_b_tree_that_begins_with_it(level: Level) -> None:
    keys = [key for key in KEYS_OF[level] if key.column is not None]
    assert keys
    for key in keys:
        column = key_column(key)
        first = {next(iter(index.columns)).name for index in LEVELS[level].indexes}
        unique = {"uid"} if level is not Level.SERIES else set()
        assert column.name in first | unique


def test_all_keys_are_of_a_level_that_has_a_table() -> None:
    assert {key.level for key in KEYS} == set(LEVELS)
