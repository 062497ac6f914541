"""What every index promises (`ports.Index`), as suites: a backend's test module subclasses them and brings the fixture `url`.

`url` is a database with the schema and without any row. Reading stands in `index_reading.py`; searching is compared with its oracle in
`test_index_oracle.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.dicom.attributes import tag
from app.dicomweb.query import Query, parse
from app.index import SqlIndex, open_index
from app.model import Access, Added, ChangeKind, ConflictRule, InstanceRecord, Level, Outcome, Page, Target, Uid
from tests.contract.records import CT, MR, record

ALL = Access()
REFUSE = ConflictRule.REFUSE
REPLACE = ConflictRule.REPLACE


def only(*studies: str) -> Access:
    return Access(frozenset(map(Uid, studies)))


def target(study: str | None = None, series: str | None = None, instance: str | None = None) -> Target:
    return Target(*(None if uid is None else Uid(uid) for uid in (study, series, instance)))


def query(level: Level, under: Target | None = None, /, **parameters: str) -> Query:
    items = [(name.replace("__", "."), value) for name, value in parameters.items()]
    return parse(items, level=level, target=under or Target(), wildcards=16)


def bare(one: InstanceRecord) -> InstanceRecord:
    """As `locate` gives it."""
    return replace(one, study={}, series={}, attributes={}, metadata=b"")


def objects(page: Page) -> list[dict[str, Any]]:
    return [json.loads(match, strict=False) for match in page.matches]


def value(obj: dict[str, Any], name: str) -> Any:
    return obj[tag(name)].get("Value")


def outcomes(added: Sequence[Added]) -> list[Outcome]:
    return [one.outcome for one in added]


async def located(index: SqlIndex, under: Target, access: Access = ALL) -> list[InstanceRecord]:
    return [one async for one in index.locate(under, access=access)]


async def uids(index: SqlIndex, under: Target, access: Access = ALL) -> list[str]:
    return [one.instance_uid for one in await located(index, under, access)]


async def found(index: SqlIndex, level: Level, access: Access = ALL, under: Target | None = None, /, **parameters: str) -> list[str]:
    name = {Level.STUDY: "StudyInstanceUID", Level.SERIES: "SeriesInstanceUID", Level.INSTANCE: "SOPInstanceUID"}[level]
    return [value(obj, name)[0] for obj in objects(await index.search(query(level, under, **parameters), access=access))]


async def the_study(index: SqlIndex, uid: str) -> dict[str, Any]:
    (obj,) = objects(await index.search(query(Level.STUDY, target(uid)), access=ALL))
    return obj


class WithIndex:
    @pytest.fixture
    async def index(self, url: str) -> AsyncIterator[SqlIndex]:
        index = open_index(url, create=False, now=lambda: 1000.5)
        yield index
        await index.close()


class StoringContract(WithIndex):
    async def test_a_record_comes_back_whole(self, index: SqlIndex) -> None:
        one = record("1.2", "1.2.3", "1.2.3.4", PatientName="Doe^Jane", InstanceNumber=1)
        assert await index.add([one], REFUSE) == [Added(Outcome.STORED)]
        assert await located(index, one.target) == [bare(one)]
        (stored,) = [m async for m in index.metadata(one.target, access=ALL)]
        assert (stored.target, stored.text, stored.digest) == (one.target, one.metadata, one.digest)
        assert await index.digests(one.target, access=ALL) == [one.digest]

    async def test_adding_nothing_is_nothing(self, index: SqlIndex) -> None:
        assert await index.add([], REFUSE) == []
        assert await index.changes(0, 10, access=ALL) == []

    async def test_a_target_has_to_fit_as_a_whole(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1"), record("2", "2.1", "2.1.1")], REFUSE)
        for wrong in (target("2", "1.1", "1.1.1"), target("1", "2.1"), target("1", "1.1", "2.1.1"), target("3")):
            assert await located(index, wrong) == []
            assert await index.digests(wrong, access=ALL) == []
            assert await index.remove(wrong, access=ALL) == []
        assert await uids(index, target()) == ["2.1.1", "1.1.1"]

    async def test_the_same_bytes_again_are_one_row(self, index: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1")
        await index.add([one], REFUSE)
        again = replace(one, blob=replace(one.blob, key="second"), form=replace(one.form, key="second"))
        assert await index.add([again], REFUSE) == [Added(Outcome.SAME, ("second",))]
        assert await index.unused() == ["second"]
        assert await located(index, target("1")) == [bare(one)]
        assert len(await index.changes(0, 10, access=ALL)) == 1

    async def test_the_very_same_record_again_leaves_its_blobs_in_use(self, index: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1")
        await index.add([one], REFUSE)
        assert await index.add([one], REPLACE) == [Added(Outcome.SAME)]
        assert await index.unused() == []

    async def test_other_bytes_under_a_known_uid_are_refused_by_rule(self, index: SqlIndex) -> None:
        one, other = record("1", "1.1", "1.1.1"), record("1", "1.1", "1.1.1", content="other", PatientID="other")
        await index.add([one], REFUSE)
        assert await index.add([other], REFUSE) == [Added(Outcome.REFUSED, (other.blob.key, other.form.key))]
        assert await located(index, target("1")) == [bare(one)]
        assert set(await index.unused()) == {other.blob.key, other.form.key}
        assert not value(await the_study(index, "1"), "PatientID")

    async def test_other_bytes_under_a_known_uid_replace_by_rule(self, index: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1", PatientID="old", OperatorsName="Old^O", ContentLabel="OLD", Modality="CT")
        other = record(
            "1", "1.1", "1.1.1", content="x", sop_class=MR, PatientID="new", OperatorsName="New^N", ContentLabel="NEW", Modality="MR"
        )
        await index.add([one], REFUSE)
        assert await index.add([other], REPLACE) == [Added(Outcome.REPLACED, (one.blob.key, one.form.key))]
        assert await located(index, target()) == [bare(other)]
        assert set(await index.unused()) == {one.blob.key, one.form.key}
        study = await the_study(index, "1")
        assert [value(study, n) for n in ("PatientID", "ModalitiesInStudy", "SOPClassesInStudy")] == [["new"], ["MR"], [MR]]
        assert value(study, "NumberOfStudyRelatedInstances") == [1]
        assert [await found(index, Level.SERIES, OperatorsName=name) for name in ("Old*", "New*")] == [[], ["1.1"]]
        assert [await found(index, Level.INSTANCE, ContentLabel=name) for name in ("OLD", "NEW")] == [[], ["1.1.1"]]
        assert [c.kind for c in await index.changes(0, 10, access=ALL)] == [ChangeKind.CREATED, ChangeKind.REPLACED]

    @pytest.mark.parametrize("rule", list(ConflictRule))
    @pytest.mark.parametrize(("study", "series"), [("2", "1.1"), ("1", "1.2"), ("2", "2.1")])
    async def test_a_uid_of_another_study_or_series_is_refused_without_a_trace(
        self, index: SqlIndex, rule: ConflictRule, study: str, series: str
    ) -> None:
        one, moved = record("1", "1.1", "1.1.1"), record(study, series, "1.1.1", key="moved")
        await index.add([one], REFUSE)
        assert outcomes(await index.add([moved], rule)) == [Outcome.REFUSED]
        assert "moved" in await index.unused()
        assert await found(index, Level.STUDY) == ["1"]
        assert await found(index, Level.SERIES) == ["1.1"]
        assert value(await the_study(index, "1"), "NumberOfStudyRelatedSeries") == [1]

    async def test_one_uid_twice_in_a_batch(self, index: SqlIndex) -> None:
        first, same = record("1", "1.1", "1.1.1", key="a"), record("1", "1.1", "1.1.1", key="b")
        other = record("1", "1.1", "1.1.1", content="x", key="c")
        assert outcomes(await index.add([first, same, other], REFUSE)) == [Outcome.STORED, Outcome.SAME, Outcome.REFUSED]
        assert (await located(index, target()))[0].blob.key == "a"
        assert outcomes(await index.add([other, first], REPLACE)) == [Outcome.REPLACED, Outcome.REPLACED]
        assert await located(index, target()) == [bare(first)]
        assert value(await the_study(index, "1"), "NumberOfStudyRelatedInstances") == [1]
        assert {first.blob.key, first.form.key} & set(await index.unused()) == set()

    async def test_outcomes_stand_in_the_order_of_the_records(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "9")], REFUSE)
        batch = [record("1", "1.1", "9"), record("0", "0.1", "3"), record("1", "1.1", "1"), record("7", "1.1", "9", content="x")]
        assert outcomes(await index.add(batch, REFUSE)) == [Outcome.SAME, Outcome.STORED, Outcome.STORED, Outcome.REFUSED]

    async def test_counts_and_lists_of_a_study_are_right_at_once(self, index: SqlIndex) -> None:
        batch = [
            record("1", f"1.{s}", f"1.{s}.{i}", Modality="CTMR"[2 * s : 2 * s + 2], sop_class=(CT, MR)[s]) for s in (0, 1) for i in range(3)
        ]
        for some in (batch[:1], batch[1:5], batch[5:]):
            await index.add(some, REFUSE)
        study = await the_study(index, "1")
        assert value(study, "NumberOfStudyRelatedSeries") == [2]
        assert value(study, "NumberOfStudyRelatedInstances") == [6]
        assert value(study, "ModalitiesInStudy") == ["CT", "MR"]
        assert value(study, "SOPClassesInStudy") == [CT, MR]
        series = objects(await index.search(query(Level.SERIES, target("1")), access=ALL))
        assert [value(s, "NumberOfSeriesRelatedInstances") for s in series] == [[3], [3]]

    async def test_the_first_stored_value_wins_and_empty_ones_are_filled(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1", PatientID="first", StudyDescription=None)], REFUSE)
        await index.add([record("1", "1.1", "1.1.2", PatientID="second", StudyDescription="filled", AccessionNumber="A")], REFUSE)
        study = await the_study(index, "1")
        assert [value(study, n) for n in ("PatientID", "StudyDescription", "AccessionNumber")] == [["first"], ["filled"], ["A"]]
        assert await found(index, Level.STUDY, PatientID="first", AccessionNumber="A") == ["1"]
        assert await found(index, Level.STUDY, PatientID="second") == []

    @pytest.mark.parametrize(
        "name", ["\0", "a\0b", "\ud800", "x" * 100_000, "\u0001", "Ω" * 5000, "';DROP TABLE study;--", "\U0010ffff", "\\"]
    )
    async def test_hostile_values_are_stored_and_never_break_a_row(self, index: SqlIndex, name: str) -> None:
        one = record("1", "1.1", "1.1.1", PatientID=name, PatientName=name, StudyDescription=name, StudyDate=name, SeriesNumber=name)
        one = replace(one, attributes=one.attributes | {tag("InstanceNumber"): {"vr": "IS", "Value": [10**400]}})
        assert outcomes(await index.add([one], REFUSE)) == [Outcome.STORED]
        assert value(await the_study(index, "1"), "StudyInstanceUID") == ["1"]
        asked = [await found(index, Level.STUDY, **{key: name[:60]}) for key in ("PatientID", "PatientName", "StudyDescription")]
        assert all(uid in ([], ["1"]) for uid in asked)


class ConcurrencyContract(WithIndex):
    async def test_many_at_once_make_one_study_with_exact_counts(self, index: SqlIndex) -> None:
        batches = [[record("1", f"1.{n % 3}", f"1.{n}.{i}", PatientID=f"P{n}") for i in range(3)] for n in range(24)]
        added = await asyncio.gather(*(index.add(batch, REFUSE) for batch in batches))
        assert [outcomes(a) for a in added] == [[Outcome.STORED] * 3] * 24
        study = await the_study(index, "1")
        assert value(study, "NumberOfStudyRelatedSeries") == [3]
        assert value(study, "NumberOfStudyRelatedInstances") == [72]
        assert len(await located(index, target("1"))) == 72

    async def test_of_rivals_for_one_uid_exactly_one_wins(self, index: SqlIndex) -> None:
        rivals = [record(f"{n % 4}", f"{n % 4}.1", "9.9.9", content=str(n)) for n in range(16)]
        added = await asyncio.gather(*(index.add([rival], REFUSE) for rival in rivals))
        won = [rival for rival, (one,) in zip(rivals, added, strict=True) if one.outcome is Outcome.STORED]
        assert len(won) == 1
        assert await located(index, target()) == [bare(won[0])]
        assert await found(index, Level.STUDY) == [won[0].study_uid]
        assert sum(outcome is Outcome.REFUSED for one in added for outcome in outcomes(one)) == 15

    async def test_batches_in_opposite_order_do_not_block_each_other(self, index: SqlIndex) -> None:
        records = [record(f"{n}", f"{n}.1", f"{n}.1.1") for n in range(8)]
        orders = [random.Random(seed).sample(records, 8) for seed in range(12)]
        added = await asyncio.gather(*(index.add(order, REFUSE) for order in orders))
        every = [outcome for one in added for outcome in outcomes(one)]
        assert (every.count(Outcome.STORED), every.count(Outcome.SAME)) == (8, 88)

    async def test_crossed_uids_of_different_studies_end_with_one_row_each(self, index: SqlIndex) -> None:
        batches = [
            [record(f"{n}", f"{n}.1", f"9.{i}", content=str(n)) for i in (range(6) if n % 2 else range(5, -1, -1))] for n in range(8)
        ]
        await asyncio.gather(*(index.add(batch, REFUSE) for batch in batches))
        rows = await located(index, target())
        assert sorted(row.instance_uid for row in rows) == [f"9.{i}" for i in range(6)]
        counts = {
            str(uid): value(await the_study(index, uid), "NumberOfStudyRelatedInstances")[0] for uid in {row.study_uid for row in rows}
        }
        assert counts == Counter(str(row.study_uid) for row in rows)
        assert set(await found(index, Level.STUDY)) == set(counts)

    async def test_adding_and_removing_at_once_leaves_true_counts(self, index: SqlIndex) -> None:
        records = [record("1", f"1.{n % 2}", f"1.{n}") for n in range(20)]
        await index.add(records[:10], REFUSE)
        await asyncio.gather(
            *(index.remove(one.target, access=ALL) for one in records[:10]),
            *(index.add([one], REFUSE) for one in records[10:]),
        )
        assert sorted(await uids(index, target("1"))) == sorted(one.instance_uid for one in records[10:])
        assert value(await the_study(index, "1"), "NumberOfStudyRelatedInstances") == [10]

    async def test_sequences_follow_the_order_of_commits(self, index: SqlIndex) -> None:
        done = False
        seen: list[int] = []

        async def follow() -> None:
            while not done:
                seen.extend(change.sequence for change in await index.changes(seen[-1] if seen else 0, 7, access=ALL))

        follower = asyncio.create_task(follow())
        await asyncio.gather(*(index.add([record(f"{n}", f"{n}.1", f"{n}.1.{i}") for i in range(4)], REFUSE) for n in range(20)))
        done = True
        await follower
        while more := await index.changes(seen[-1] if seen else 0, 100, access=ALL):
            seen.extend(change.sequence for change in more)
        assert seen == sorted(seen)
        assert len(seen) == 80

    async def test_a_write_runs_to_its_end_though_its_caller_is_gone(self, index: SqlIndex) -> None:
        task = asyncio.create_task(index.add([record("1", "1.1", "1.1.1")], REFUSE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            while not await located(index, target("1")):
                pass


class RemovingContract(WithIndex):
    async def test_an_instance(self, index: SqlIndex) -> None:
        records = [record("1", "1.1", f"1.1.{n}", OperatorsName="Op") for n in (1, 2)]
        await index.add(records, REFUSE)
        assert await index.remove(records[0].target, access=ALL) == [bare(records[0])]
        assert await uids(index, target("1")) == ["1.1.2"]
        assert value(await the_study(index, "1"), "NumberOfStudyRelatedInstances") == [1]
        (series,) = objects(await index.search(query(Level.SERIES, target("1")), access=ALL))
        assert value(series, "NumberOfSeriesRelatedInstances") == [1]
        assert set(await index.unused()) == {records[0].blob.key, records[0].form.key}
        assert await index.remove(records[0].target, access=ALL) == []

    async def test_a_series_takes_its_modality_and_classes_with_it(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1", Modality="CT"), record("1", "1.2", "1.2.1", Modality="MR", sop_class=MR)], REFUSE)
        assert len(await index.remove(target("1", "1.2"), access=ALL)) == 1
        study = await the_study(index, "1")
        assert [value(study, n) for n in ("ModalitiesInStudy", "SOPClassesInStudy", "NumberOfStudyRelatedSeries")] == [["CT"], [CT], [1]]
        assert await found(index, Level.STUDY, ModalitiesInStudy="MR") == []
        assert await found(index, Level.STUDY, ModalitiesInStudy="CT") == ["1"]
        assert await found(index, Level.SERIES) == ["1.1"]

    async def test_the_last_instance_takes_series_and_study_with_it(self, index: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1", PatientName="Doe")
        await index.add([one], REFUSE)
        await index.remove(one.target, access=ALL)
        assert await found(index, Level.STUDY) == []
        assert await found(index, Level.SERIES) == []
        assert await found(index, Level.STUDY, PatientName="doe") == []

    async def test_a_large_study(self, index: SqlIndex) -> None:
        records = [record("1", f"1.{n % 3}", f"1.{n}") for n in range(1200)]
        await index.add([*records, record("2", "2.1", "2.1.1")], REFUSE)
        removed = await index.remove(target("1"), access=ALL)
        assert {one.instance_uid for one in removed} == {one.instance_uid for one in records}
        assert await uids(index, target()) == ["2.1.1"]
        assert len(await index.unused()) == 2400

    async def test_what_was_removed_can_be_stored_again(self, index: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1", PatientName="Doe")
        await index.add([one], REFUSE)
        await index.remove(target("1"), access=ALL)
        assert outcomes(await index.add([one], REFUSE)) == [Outcome.STORED]
        assert await index.unused() == []
        kinds = [(c.sequence, c.kind) for c in await index.changes(0, 10, access=ALL)]
        assert [kind for _, kind in sorted(kinds)] == [ChangeKind.CREATED, ChangeKind.DELETED, ChangeKind.CREATED]

    async def test_everything_cannot_be_removed_by_naming_nothing(self, index: SqlIndex) -> None:
        with pytest.raises(ValueError, match="study"):
            await index.remove(target(), access=ALL)


class FeedContract(WithIndex):
    async def test_changes_tell_what_when_and_in_which_order(self, index: SqlIndex) -> None:
        first, second = record("1", "1.1", "1.1.1"), record("2", "2.1", "2.1.1")
        await index.add([first], REFUSE)
        await index.add([second], REFUSE)
        await index.remove(first.target, access=ALL)
        changes = await index.changes(0, 10, access=ALL)
        assert [(c.kind, c.target, c.digest, c.at) for c in changes] == [
            (ChangeKind.CREATED, first.target, first.digest, 1000.5),
            (ChangeKind.CREATED, second.target, second.digest, 1000.5),
            (ChangeKind.DELETED, first.target, first.digest, 1000.5),
        ]
        assert await index.changes(changes[0].sequence, 1, access=ALL) == [changes[1]]
        assert await index.changes(changes[2].sequence, 10, access=ALL) == []

    async def test_the_last_change_tells_of_what_is_there_and_of_what_is_gone(self, index: SqlIndex) -> None:
        first, second, other = record("1", "1.1", "1.1.1"), record("1", "1.2", "1.2.1"), record("2", "2.1", "2.1.1")
        for one in (first, second, other):
            await index.add([one], REFUSE)
        await index.remove(target("1", "1.1"), access=ALL)

        async def last(*uids: str, access: Access = ALL) -> tuple[int, ChangeKind, str, float] | None:
            change = await index.last_change(target(*uids), access=access)
            return None if change is None else (change.sequence, change.kind, str(change.target.instance), change.at)

        assert await last("1") == (4, ChangeKind.DELETED, "1.1.1", 1000.5)
        assert await last("1", "1.1") == await last("1", "1.1", "1.1.1") == await last("1")
        assert await last("1", "1.2") == await last("1", "1.2", "1.2.1") == (2, ChangeKind.CREATED, "1.2.1", 1000.5)
        assert await last("2") == await last("2", access=only("2")) == (3, ChangeKind.CREATED, "2.1.1", 1000.5)
        for never in (("3",), ("1", "2.1"), ("1", "1.1", "1.2.1")):
            assert await last(*never) is None
        assert await last("1", access=only("2")) is None
        await index.add([first], REFUSE)
        assert await last("1", "1.1", "1.1.1") == (5, ChangeKind.CREATED, "1.1.1", 1000.5)

    async def test_discarded_keys_are_forgotten(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1")], REFUSE)
        (gone,) = await index.remove(target("1"), access=ALL)
        await index.discard([gone.blob.key, "unknown"])
        assert await index.unused() == [gone.form.key]
        await index.discard([])

    async def test_a_sound_database_passes_the_check(self, index: SqlIndex) -> None:
        await index.check()


class WritingContract(StoringContract, ConcurrencyContract, RemovingContract, FeedContract):
    """All that changes the index; `index_reading.ReadingContract` is the other half."""
