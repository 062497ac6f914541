"""What an Access covers: SQLite, PostgreSQL and `dicomweb.selection.covers` agree on it, through every reading method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.dicomweb.selection import covers, read
from app.errors import InvalidQuery
from app.index import SqlIndex, migrate, open_index
from app.model import NOTHING, Access, InstanceRecord, Level, Selection, Target, Uid
from tests.contract.index import ALL, REFUSE, found, target, uids
from tests.contract.records import CT, MR, record
from tests.services.postgres import Server

PATIENTS = ["p1", "p2", "P1"]
INSTITUTIONS = ["North", "South"]

TERMS = st.one_of(
    st.tuples(st.just("PatientID"), st.sampled_from([*PATIENTS, "p*"])),
    st.tuples(st.just("IssuerOfPatientID"), st.sampled_from(["A", "B"])),
    st.tuples(st.just("PatientName"), st.sampled_from(["Doe*", "smith^jane"])),
    st.tuples(st.just("StudyDate"), st.sampled_from(["20240101", "-20240101", "20240102-"])),
    st.tuples(st.just("StudyInstanceUID"), st.sampled_from(["1", "2", "1,3"])),
    st.tuples(st.just("label"), st.sampled_from(["research", "teaching"])),
    st.tuples(st.just("ModalitiesInStudy"), st.sampled_from(["CT", "MR"])),
    st.tuples(st.just("SOPClassesInStudy"), st.sampled_from([CT, MR])),
    st.tuples(st.just("Modality"), st.sampled_from(["CT", "MR"])),
    st.tuples(st.just("InstitutionName"), st.sampled_from([*INSTITUTIONS, "*orth"])),
    st.tuples(st.just("InstanceNumber"), st.sampled_from(["1", "2"])),
    st.tuples(st.just("OtherPatientIDs"), st.sampled_from(["x", "y"])),
    st.tuples(st.just("ProcedureCodeSequence.CodeValue"), st.sampled_from(["c1", "c2"])),
)
SELECTIONS = st.lists(TERMS, max_size=3, unique_by=lambda term: term[0]).map(lambda terms: Selection(tuple(terms)))
SOME = st.lists(SELECTIONS, max_size=2).map(tuple)
ACCESSES = st.builds(
    Access,
    studies=st.none() | st.frozensets(st.sampled_from([Uid("1"), Uid("2"), Uid("4")])),
    permitted=st.none() | SOME,
    within=SOME,
    denied=SOME,
)


@st.composite
def records(draw: st.DrawFn) -> list[InstanceRecord]:
    digits = st.sampled_from("123")
    places = draw(st.lists(st.tuples(digits, st.sampled_from("12"), digits), min_size=2, max_size=7, unique=True))
    return [draw(one_record(study, f"{study}.{series}", f"{study}.{series}.{number}")) for study, series, number in places]


@st.composite
def one_record(draw: st.DrawFn, study: str, series: str, instance: str) -> InstanceRecord:
    def some(values: Sequence[str]) -> str | None:
        return draw(st.sampled_from([*values, None]))

    return record(
        study,
        series,
        instance,
        sop_class=draw(st.sampled_from([CT, MR])),
        PatientID=some(PATIENTS),
        IssuerOfPatientID=some(["A", "B"]),
        PatientName=some(["Doe^Jane", "Smith^Jane"]),
        StudyDate=some(["20240101", "20240102"]),
        Modality=some(["CT", "MR"]),
        InstitutionName=some(INSTITUTIONS),
        InstanceNumber=some(["1", "2"]),
        OtherPatientIDs=draw(st.lists(st.sampled_from(["x", "y"]), max_size=2)),
        ProcedureCodeSequence=[{"CodeValue": code} for code in draw(st.lists(st.sampled_from(["c1", "c2"]), max_size=2))],
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/access.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as made:
        yield made


async def covered(index: SqlIndex, access: Access) -> dict[str, list[str]]:
    """The studies that each way of reading gives."""
    studies = await found(index, Level.STUDY, access)
    page_of_series = await found(index, Level.SERIES, access)
    located = [one async for one in index.locate(Target(), access=access)]
    fed = await index.changes(0, 100, access=access)
    metadata = [one async for one in index.metadata(Target(), access=access)]
    return {
        "search": sorted(studies),
        "series": sorted({uid.split(".")[0] for uid in page_of_series}),
        "locate": sorted({str(one.study_uid) for one in located}),
        "metadata": sorted({str(one.target.study) for one in metadata}),
        "changes": sorted({str(change.target.study) for change in fed}),
        "one by one": sorted([uid for uid in "1234" if await uids(index, target(uid), access)]),
        "sees": sorted([uid for uid in "1234" if await index.sees(Uid(uid), access=access) and await uids(index, target(uid))]),
    }


LABELS = {"1": frozenset({"research"}), "2": frozenset({"research", "teaching"}), "3": frozenset[str]()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=records(), accesses=st.lists(ACCESSES, min_size=4, max_size=8))
async def test_the_index_and_plain_python_agree(url: str, stored: list[InstanceRecord], accesses: list[Access]) -> None:
    migrate(url)
    index = open_index(url)
    try:
        for uid in "123":
            await index.remove(target(uid), access=ALL)
        await index.add(stored, REFUSE)
        for uid, labels in LABELS.items():
            assert await index.labels.add(Uid(uid), labels) == any(one.study_uid == uid for one in stored)
        newest = await index.newest()
        by_study: dict[str, list[InstanceRecord]] = defaultdict(list)
        for one in stored:
            by_study[one.study_uid].append(one)
        for access in accesses:
            expected = sorted(uid for uid, own in by_study.items() if covers(access, own, LABELS[uid]))
            ways = await covered(index, access)
            ways["changes"] = sorted(
                {str(c.target.study) for c in await index.changes(0, 1000, access=access) if c.target.study in by_study}
            )
            assert ways == dict.fromkeys(ways, expected), access
            assert sorted(await index.hidden([Uid(uid) for uid in "1234"], access=access)) == sorted(set(by_study) - set(expected))
            for one in stored:
                seen = [each async for each in index.locate(one.target, access=access)]
                assert bool(seen) == (one.study_uid in expected)
        assert newest > 0
    finally:
        await index.close()


async def test_what_is_hidden_is_not_counted(url: str) -> None:
    migrate(url)
    index = open_index(url)
    try:
        await index.add([record("1", "1.1", "1.1.1", PatientID="a"), record("2", "2.1", "2.1.1", PatientID="b")], REFUSE)
        access = Access(permitted=(Selection((("PatientID", "a"),)),))
        assert await found(index, Level.STUDY, access) == ["1"]
        assert await index.remove(target("2"), access=access) == []
        assert await uids(index, target("2")) == ["2.1.1"]
        assert await found(index, Level.STUDY, NOTHING) == []
        # Rights that follow the data: what is kept in memory for one caller ends with the commit that changes what he may see.
        assert await uids(index, target("1"), access) == ["1.1.1"]
        await index.remove(target("1"), access=ALL)
        await index.add([record("1", "1.1", "1.1.1", PatientID="c")], REFUSE)
        assert await uids(index, target("1"), access) == []
        assert await uids(index, target("1", "1.1", "1.1.1"), access) == []
    finally:
        await index.close()


@pytest.mark.parametrize(
    "term",
    [
        ("PatientID", "*"),
        ("PatientID", ""),
        ("Nonsense", "x"),
        ("limit", "1"),
        ("PixelData", "1"),
        ("PatientID", "a*" * 20),
        ("label", "a b"),
        ("label", ""),
    ],
)
def test_what_could_not_be_a_term_of_a_search_is_refused(term: tuple[str, str]) -> None:
    with pytest.raises((InvalidQuery,)):
        read(Selection((term,)))
