"""What every index promises to those who read: order, pages, answers, and the borders of their Access. See `index.py`."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.dicom.attributes import tag
from app.index import SqlIndex
from app.model import Level, Page
from tests.contract.index import ALL, REFUSE, WithIndex, found, located, objects, only, query, target, uids, value
from tests.contract.records import record


class OrderContract(WithIndex):
    async def test_order_is_that_of_searches(self, index: SqlIndex) -> None:
        records = [
            record("1", "1.1", "1.1.1", StudyDate="20240101", SeriesNumber=2, InstanceNumber=10),
            record("1", "1.1", "1.1.2", StudyDate="20240101", SeriesNumber=2, InstanceNumber=9),
            record("1", "1.1", "1.1.3", StudyDate="20240101", SeriesNumber=2),
            record("1", "1.2", "1.2.1", StudyDate="20240101", SeriesNumber=1),
            record("1", "1.3", "1.3.1", StudyDate="20240101"),
            record("2", "2.1", "2.1.1", StudyDate="20240102"),
            record("3", "3.1", "3.1.1"),
        ]
        await index.add(records, REFUSE)
        order = ["2.1.1", "1.2.1", "1.1.2", "1.1.1", "1.1.3", "1.3.1", "3.1.1"]
        digest = {str(one.instance_uid): one.digest for one in records}
        assert await uids(index, target()) == order
        assert await found(index, Level.INSTANCE) == order
        assert [m.target.instance async for m in index.metadata(target(), access=ALL)] == order
        assert await index.digests(target(), access=ALL) == [digest[uid] for uid in order]
        assert await uids(index, target("1", "1.1")) == ["1.1.2", "1.1.1", "1.1.3"]
        assert await found(index, Level.STUDY) == ["2", "1", "3"]

    async def test_a_long_target_comes_in_pages_without_gap_or_repetition(self, index: SqlIndex) -> None:
        records = [record("1", f"1.{n % 3}", f"1.{n}", InstanceNumber=n % 50) for n in range(450)]
        await index.add(records, REFUSE)
        every = await uids(index, target("1"))
        assert every == await found(index, Level.INSTANCE, ALL, target("1"))
        assert sorted(every) == sorted(one.instance_uid for one in records)

    async def test_what_goes_while_it_is_read_is_left_out(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", f"1.1.{n:03}") for n in range(300)], REFUSE)
        rows = index.locate(target("1"), access=ALL)
        first = await anext(rows)
        await index.remove(target("1", "1.1", "1.1.250"), access=ALL)
        await index.add([record("1", "1.1", "1.1.0000")], REFUSE)
        rest = [one.instance_uid async for one in rows]
        assert [first.instance_uid, *rest] == [f"1.1.{n:03}" for n in range(300) if n != 250]

    async def test_large_rows_make_small_pages(self, index: SqlIndex) -> None:
        big = random.Random(1).randbytes(3 * 1024**2)
        await index.add([replace(record("1", "1.1", f"1.1.{n}"), metadata=big) for n in range(4)], REFUSE)
        assert [len(m.text) async for m in index.metadata(target("1"), access=ALL)] == [len(big)] * 4

    async def test_limit_offset_and_what_remains(self, index: SqlIndex) -> None:
        await index.add([record(f"{n}", f"{n}.1", f"{n}.1.1", StudyDate=f"202401{n:02}") for n in range(1, 10)], REFUSE)
        page = await index.search(query(Level.STUDY, limit="4"), access=ALL)
        assert ([value(o, "StudyInstanceUID")[0] for o in objects(page)], page.remaining) == (["9", "8", "7", "6"], 5)
        page = await index.search(query(Level.STUDY, limit="4", offset="4"), access=ALL)
        assert ([value(o, "StudyInstanceUID")[0] for o in objects(page)], page.remaining) == (["5", "4", "3", "2"], 1)
        assert await index.search(query(Level.STUDY, limit="4", offset="100"), access=ALL) == Page(())
        assert await index.search(query(Level.STUDY, limit="0"), access=ALL) == Page((), 9)
        assert await index.search(query(Level.STUDY, limit="0", StudyDate="20240103-"), access=ALL) == Page((), 7)
        assert (await index.search(query(Level.STUDY, limit="9"), access=ALL)).remaining == 0

    async def test_a_relational_search_brings_the_attributes_above(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1", PatientID="P", Modality="CT", InstanceNumber=3)], REFUSE)
        (series,) = objects(await index.search(query(Level.SERIES), access=ALL))
        assert [value(series, name) for name in ("PatientID", "Modality")] == [["P"], ["CT"]]
        (instance,) = objects(await index.search(query(Level.INSTANCE), access=ALL))
        assert [value(instance, name) for name in ("PatientID", "Modality", "InstanceNumber")] == [["P"], ["CT"], [3]]
        (instance,) = objects(await index.search(query(Level.INSTANCE, target("1", "1.1")), access=ALL))
        assert tag("PatientID") not in instance

    async def test_any_attribute_of_the_level_can_be_included(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1", PatientComments="quiet", OperatorsName="Op^A", WindowCenter=40)], REFUSE)
        (study,) = objects(await index.search(query(Level.STUDY, includefield="PatientComments"), access=ALL))
        assert value(study, "PatientComments") == ["quiet"]
        (series,) = objects(await index.search(query(Level.SERIES, includefield="all"), access=ALL))
        assert value(series, "OperatorsName") == [{"Alphabetic": "Op^A"}]
        (instance,) = objects(await index.search(query(Level.INSTANCE, includefield="WindowCenter"), access=ALL))
        assert value(instance, "WindowCenter") == [40]
        (instance,) = objects(await index.search(query(Level.INSTANCE, includefield="all"), access=ALL))
        assert instance["7FE00010"]["BulkDataURI"] == "\x01/bulk"

    @pytest.mark.parametrize("text", ["100%", "a_b", "a\\b", "[x]", "a'b", "a*", "a?b", "]", "[^a]", "%", "_"])
    async def test_special_characters_stand_for_themselves(self, index: SqlIndex, text: str) -> None:
        stored = text.replace("*", "").replace("?", "")
        others = ["100x", "aXb", "x", "^", "a%b", "b"]
        await index.add([record(f"{n}", f"{n}.1", f"{n}.1.1", PatientID=v) for n, v in enumerate([stored, *others])], REFUSE)
        assert await found(index, Level.STUDY, PatientID=stored) == ["0"]
        assert await found(index, Level.STUDY, PatientID=f"{stored}*", StudyInstanceUID="0") == ["0"]
        assert await found(index, Level.STUDY, PatientID=f"*{stored}", StudyInstanceUID="0") == ["0"]
        if text == stored:
            assert await found(index, Level.STUDY, PatientID=f"?{stored[1:]}*", StudyInstanceUID="0") == ["0"]
            assert set(await found(index, Level.STUDY, PatientID=f"{stored}*")) == {
                str(n) for n, v in enumerate([stored, *others]) if v.startswith(stored)
            }

    async def test_terms_on_one_sequence_hold_in_one_item(self, index: SqlIndex) -> None:
        items = [
            {"RequestedProcedureID": "R1", "ScheduledProcedureStepID": "S1"},
            {"RequestedProcedureID": "R2", "ScheduledProcedureStepID": "S2"},
        ]
        await index.add([record("1", "1.1", "1.1.1", RequestAttributesSequence=items)], REFUSE)
        keys = [f"RequestAttributesSequence__{leaf}" for leaf in ("RequestedProcedureID", "ScheduledProcedureStepID")]
        for requested, scheduled, expected in (("R1", "S1", ["1.1"]), ("R2", "S?", ["1.1"]), ("R1", "S2", []), ("R*", "S3", [])):
            assert await found(index, Level.SERIES, **dict(zip(keys, (requested, scheduled), strict=True))) == expected
        assert await found(index, Level.STUDY, **dict(zip(keys, ("R2", "S2"), strict=True))) == ["1"]

    async def test_terms_below_the_level_hold_for_one_child(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1", Modality="CT", SeriesNumber=1, Rows=64)], REFUSE)
        await index.add([record("1", "1.2", "1.2.1", Modality="MR", SeriesNumber=2, Rows=32)], REFUSE)
        assert await found(index, Level.STUDY, Modality="CT", SeriesNumber="1", Rows="64") == ["1"]
        assert await found(index, Level.STUDY, Modality="CT", SeriesNumber="2") == []
        assert await found(index, Level.STUDY, Modality="MR", Rows="64") == []
        assert await found(index, Level.SERIES, Modality="MR", Rows="32") == ["1.2"]
        assert await found(index, Level.STUDY, ModalitiesInStudy="CT", Modality="MR") == ["1"]

    async def test_a_range_of_dates_with_times_is_one_range_of_instants(self, index: SqlIndex) -> None:
        moments = [
            ("20240101", "1159"),
            ("20240101", "12"),
            ("20240102", "0000"),
            ("20240103", "1359"),
            ("20240103", "14"),
            ("20240103", None),
        ]
        await index.add([record(f"{n}", f"{n}.1", f"{n}.1.1", StudyDate=d, StudyTime=t) for n, (d, t) in enumerate(moments)], REFUSE)
        assert await found(index, Level.STUDY, StudyDate="20240101-20240103", StudyTime="12-13") == ["3", "5", "2", "1"]

    async def test_a_list_of_many_uids(self, index: SqlIndex) -> None:
        await index.add([record(f"1.{n}", f"1.{n}.1", f"1.{n}.1.1") for n in range(20)], REFUSE)
        uids = ",".join(f"1.{n}" for n in range(10, 2000))
        assert sorted(await found(index, Level.STUDY, StudyInstanceUID=uids)) == sorted(f"1.{n}" for n in range(10, 20))


class AccessContract(WithIndex):
    async def test_what_is_not_covered_does_not_exist(self, index: SqlIndex) -> None:
        await index.add([record(s, f"{s}.1", f"{s}.1.{i}", PatientID="P") for s in ("1", "2", "3") for i in (1, 2)], REFUSE)
        access = only("1", "3")
        assert await found(index, Level.STUDY, access, PatientID="P") == ["3", "1"]
        assert await found(index, Level.SERIES, access) == ["3.1", "1.1"]
        assert await found(index, Level.INSTANCE, access, target("2")) == []
        assert (await index.search(query(Level.STUDY, limit="1"), access=access)).remaining == 1
        assert (await index.search(query(Level.INSTANCE, limit="1"), access=access)).remaining == 3
        assert await uids(index, target(), access) == ["3.1.1", "3.1.2", "1.1.1", "1.1.2"]
        for hidden in (target("2"), target("2", "2.1"), target("2", "2.1", "2.1.1")):
            assert await located(index, hidden, access) == []
            assert [m async for m in index.metadata(hidden, access=access)] == []
            assert await index.digests(hidden, access=access) == []
            assert await index.remove(hidden, access=access) == []
        assert {c.target.study for c in await index.changes(0, 100, access=access)} == {"1", "3"}
        assert len(await located(index, target("2"))) == 2

    async def test_access_to_nothing_sees_nothing(self, index: SqlIndex) -> None:
        await index.add([record("1", "1.1", "1.1.1")], REFUSE)
        assert await index.search(query(Level.STUDY, limit="0"), access=only()) == Page(())
        assert await located(index, target(), only()) == []
        assert await index.changes(0, 10, access=only()) == []

    async def test_access_to_very_many_studies(self, index: SqlIndex) -> None:
        await index.add([record("1.7", "1.7.1", "1.7.1.1")], REFUSE)
        access = only(*(f"1.{n}" for n in range(70_000)))
        assert await found(index, Level.STUDY, access) == ["1.7"]
        assert await uids(index, target("1.7"), access) == ["1.7.1.1"]


class ReadingContract(OrderContract, AccessContract):
    """All of it."""
