"""How many SQL statements a request takes: a gate against growing slow that no machine's load can move.

Each statement that SQLite begins is counted, whoever runs it, but for transactions and pragmas, and for the looks for webhooks, which come
when they come; of a statement for many rows, one.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.api.conftest import Site
from tests.builders import instance


class Statements:
    """What was run since `forget`, a statement and its repetitions once."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, statement: str) -> None:
        if "FROM webhook" in statement:
            return
        words = statement.split(None, 3)
        kind = " ".join(words[:3] if words[0] == "INSERT" else words[:2] if words[0] == "UPDATE" else [statement])
        if words[0] not in ("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "--") and self.seen[-1:] != [kind]:
            self.seen.append(kind)

    def forget(self) -> None:
        self.seen.clear()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """To be asked for before the site, to whose connections it listens."""
    found, connect = Statements(), sqlite3.connect

    def listening(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(found)
        return connection

    for module in (sqlite3, sqlite3.dbapi2):
        monkeypatch.setattr(module, "connect", listening)
    return found


@pytest.fixture
async def counted(statements: Statements, site: Site) -> tuple[Site, Statements]:
    return site, statements


def many(count: int, study: str = "1.2", series: int = 1) -> list[bytes]:
    return [
        instance(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.{n % series}", SOPInstanceUID=f"{study}.9.{n}", InstanceNumber=n)
        for n in range(count)
    ]


async def test_a_store_takes_as_many_statements_for_fifty_instances_as_for_one(counted: tuple[Site, Statements]) -> None:
    site, statements = counted
    taken = []
    for count, study in ((1, "1.1"), (50, "1.2")):
        statements.forget()
        assert (await site.store(*many(count, study, series=5))).status_code == 200
        taken.append(len(statements.seen))
    assert taken[0] == taken[1] <= 14, statements.seen


async def test_more_instances_of_a_known_series_take_fewer(counted: tuple[Site, Statements]) -> None:
    site, statements = counted
    batch = many(20)
    await site.store(*batch[:10])
    statements.forget()
    assert (await site.store(*batch[10:])).status_code == 200
    assert len(statements.seen) <= 11, statements.seen


@pytest.mark.parametrize(
    ("path", "accept", "most"),
    [
        ("/studies/1.2/series/1.2.0/instances/1.2.9.3/frames/1", "application/octet-stream; transfer-syntax=*", 1),
        ("/studies/1.2/series/1.2.0/instances/1.2.9.3/metadata", "application/dicom+json", 3),
        ("/studies/1.2/series/1.2.0/metadata", "application/dicom+json", 4),
        ("/studies?PatientID=1", "application/dicom+json", 1),
        ("/studies?limit=101&includefield=00081030,00080060", "application/dicom+json", 1),
        ("/studies/1.2/series", "application/dicom+json", 1),
        ("/studies/1.2/series/1.2.0/instances", "application/dicom+json", 1),
    ],
)
async def test_a_read_takes_few_statements_and_again_none(counted: tuple[Site, Statements], path: str, accept: str, most: int) -> None:
    site, statements = counted
    await site.store(*many(10))
    statements.forget()
    assert (await site.get(path, accept)).status_code in (200, 204)
    assert len(statements.seen) <= most, statements.seen
    statements.forget()
    await site.get(path, accept)
    assert statements.seen == []
