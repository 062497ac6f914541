"""What every index promises of orders, cursors, patients and the site's own search keys. See `index.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.dicom.attributes import tag
from app.dicom.site_keys import SiteKeys
from app.dicom.site_keys import parse as site_keys
from app.dicomweb.query import Query, parse
from app.errors import InvalidQuery
from app.index import SqlIndex, open_index
from app.model import Access, Filling, JsonObject, Level, Page, Target
from tests.contract.index import ALL, REFUSE, WithIndex, found, objects, only, query, target, value
from tests.contract.records import record

SITE = site_keys(("series:00091001:LO:ACME 1.0", "instance:SliceThickness", "study:KVP", "study:PatientComments"))
KEYS = ["PatientID", "PatientName", "OtherPatientIDs", "StudyDate", "ModalitiesInStudy", "PatientWeight", "-PatientName,StudyDate"]


def ordered(by: str, level: Level = Level.STUDY, **parameters: str) -> Query:
    return query(level, orderby=by, **parameters)


def uids_of(page: Page, name: str = "StudyInstanceUID") -> list[str]:
    return [value(obj, name)[0] for obj in objects(page)]


async def walked(index: SqlIndex, asked: Query, access: Access = ALL, name: str = "StudyInstanceUID") -> AsyncIterator[list[str]]:
    """The pages of a search, one after the other."""
    page = await index.search(asked, access=access)
    while True:
        yield uids_of(page, name)
        if not page.last:
            return
        page = await index.search(replace(asked, after=page.last), access=access)


def acme(value: str, creator: str = "ACME 1.0", block: str = "10") -> JsonObject:
    return {f"000900{block}": {"vr": "LO", "Value": [creator]}, f"0009{block}01": {"vr": "LO", "Value": [value]}}


async def filled(index: SqlIndex) -> None:
    """Five studies; 5 has no name, 3 has names and ids of several kinds."""
    await index.add(
        [
            record("1", "1.1", "1.1.1", PatientName="Berg^B", PatientID="P1", StudyDate="20240101", Modality="MR", PatientWeight=70),
            record("2", "2.1", "2.1.1", PatientName="Adler^A", PatientID="P2", StudyDate="20240103", Modality="CT", PatientWeight=9),
            record("3", "3.1", "3.1.1", PatientName="Berg^B=山田=やまだ", OtherPatientIDs=["z", "a"], StudyDate="20240102", Modality="CT"),
            record("4", "4.1", "4.1.1", PatientName="Cato", OtherPatientIDs=["m"], Modality="US"),
            record("5", "5.1", "5.1.1", StudyDate="20240105", PatientWeight=70.5),
        ],
        REFUSE,
    )


class OrderByContract(WithIndex):
    @pytest.mark.parametrize(
        ("by", "uids"),
        [
            ("PatientName", ["2", "3", "1", "4", "5"]),
            ("-PatientName", ["4", "3", "1", "2", "5"]),
            ("PatientName,StudyDate", ["2", "1", "3", "4", "5"]),
            ("-PatientName,StudyDate", ["4", "1", "3", "2", "5"]),
            ("StudyDate", ["1", "3", "2", "5", "4"]),
            ("-StudyDate", ["5", "2", "3", "1", "4"]),
            ("OtherPatientIDs", ["3", "4", "5", "2", "1"]),
            ("-OtherPatientIDs", ["4", "3", "5", "2", "1"]),
            ("PatientWeight", ["2", "1", "5", "3", "4"]),
            ("ModalitiesInStudy,-StudyInstanceUID", ["3", "2", "1", "4", "5"]),
        ],
    )
    async def test_what_has_no_value_comes_last_and_the_usual_order_breaks_ties(self, index: SqlIndex, by: str, uids: list[str]) -> None:
        await filled(index)
        assert uids_of(await index.search(ordered(by), access=ALL)) == uids
        assert uids_of(await index.search(ordered(by, limit="2", offset="2"), access=ALL)) == uids[2:4]
        assert uids_of(await index.search(ordered(by, limit="9", offset="4"), access=ALL)) == uids[4:]
        assert [page async for page in walked(index, ordered(by, limit="2"))] == [uids[:2], uids[2:4], uids[4:]]
        assert [page async for page in walked(index, ordered(by, limit="1"))] == [[uid] for uid in uids]

    async def test_series_and_instances_may_go_by_what_stands_above_them(self, index: SqlIndex) -> None:
        await filled(index)
        await index.add([record("2", "2.2", "2.2.1", Modality="AA", InstanceNumber=2)], REFUSE)
        page = await index.search(ordered("PatientName,Modality", Level.SERIES), access=ALL)
        assert uids_of(page, "SeriesInstanceUID") == ["2.2", "2.1", "3.1", "1.1", "4.1", "5.1"]
        walk = walked(index, ordered("-InstanceNumber,-PatientName", Level.INSTANCE, limit="4"), ALL, "SOPInstanceUID")
        assert [page async for page in walk] == [["2.2.1", "4.1.1", "3.1.1", "1.1.1"], ["2.1.1", "5.1.1"]]

    @pytest.mark.parametrize("by", ["", *KEYS])
    async def test_cursors_cover_every_row_once_while_others_come_and_go(self, index: SqlIndex, by: str) -> None:
        names: dict[str, Any] = {
            "PatientID": "K",
            "PatientName": "K^K",
            "OtherPatientIDs": ["K"],
            "StudyDate": "20240103",
            "PatientWeight": 50,
        }
        own = [record(f"1.{n}", f"1.{n}.1", f"1.{n}.1.1", **(names if n % 3 else {})) for n in range(11)]
        await index.add(own, REFUSE)
        asked = ordered(by, limit="3") if by else query(Level.STUDY, limit="3")
        seen: list[str] = []
        async for page in walked(index, asked):
            seen += page
            some = len(seen)
            low, high = f"0.{some}", f"9.{some}"
            await index.add([record(uid, f"{uid}.1", f"{uid}.1.1", **names) for uid in (low, high)], REFUSE)
            await index.add([record(f"0.0{some}", f"0.0{some}.1", f"0.0{some}.1.1")], REFUSE)
            assert await index.remove(target(low), access=ALL)
        assert sorted(uid for uid in seen if uid.startswith("1.")) == sorted(one.study_uid for one in own)
        assert len(seen) == len(set(seen))

    async def test_what_remains_and_how_many_there_are_is_told_behind_a_cursor_too(self, index: SqlIndex) -> None:
        await filled(index)
        first = await index.search(ordered("PatientName", limit="2", count="true"), access=ALL)
        assert (first.remaining, first.total) == (3, 5)
        second = await index.search(replace(ordered("PatientName", limit="2", count="true"), after=first.last, seen=2), access=ALL)
        assert (second.remaining, second.total) == (1, 5)
        last = await index.search(replace(ordered("PatientName", limit="2", count="true"), after=second.last, seen=4), access=ALL)
        assert (last.remaining, last.total, last.last) == (0, 5, ())
        assert await index.search(query(Level.STUDY, count="true", limit="0", StudyDate="20240102-"), access=ALL) == Page((), 3, (), 3)
        assert (await index.search(query(Level.STUDY), access=ALL)).total is None

    @pytest.mark.parametrize("after", [(1,), ("a", "b", "c"), (1.5, "1"), (None, "1"), ("a", None)])
    async def test_a_cursor_of_another_shape_is_refused(self, index: SqlIndex, after: tuple[Any, ...]) -> None:
        await filled(index)
        with pytest.raises(InvalidQuery):
            await index.search(replace(query(Level.STUDY, limit="1"), after=after), access=ALL)

    async def test_q30_what_is_not_covered_is_in_no_order_count_or_page(self, index: SqlIndex) -> None:
        await filled(index)
        access = only("1", "4", "5")
        asked = ordered("PatientName", limit="1", count="true")
        assert [page async for page in walked(index, asked, access)] == [["1"], ["4"], ["5"]]
        page = await index.search(asked, access=access)
        assert (page.remaining, page.total) == (2, 3)
        page = await index.search(replace(asked, after=page.last, seen=1), access=only("2"))
        assert (page.matches, page.remaining, page.total) == ((), 0, 1)

    @pytest.mark.parametrize("key", ["PatientID", "PatientName", "OtherPatientIDs", "StudyDate", "ModalitiesInStudy"])
    async def test_q19_the_empty_value_at_each_level(self, index: SqlIndex, key: str) -> None:
        await index.add([record("1", "1.1", "1.1.1", PatientID="P", PatientName="N", OtherPatientIDs=["O"], StudyDate="20240101",
                                Modality="CT"), record("2", "2.1", "2.1.1")], REFUSE)  # fmt: skip
        for level, uid in ((Level.STUDY, "2"), (Level.SERIES, "2.1"), (Level.INSTANCE, "2.1.1")):
            assert await found(index, level, emptyvaluematching="true", **{key: '""'}) == [uid]


class EmptyInSequencesContract(WithIndex):
    async def test_q19_an_empty_leaf_is_empty_in_the_item_where_the_other_terms_hold(self, index: SqlIndex) -> None:
        requested, scheduled = "RequestAttributesSequence__RequestedProcedureID", "RequestAttributesSequence__ScheduledProcedureStepID"
        full, half = {"RequestedProcedureID": "R1", "ScheduledProcedureStepID": "S1"}, {"RequestedProcedureID": "R1"}
        other = {"RequestedProcedureID": "R2", "ScheduledProcedureStepID": "S2"}
        for number, items in enumerate(([full, other], [half, other], [other], None)):
            await index.add([record(f"{number}", f"{number}.1", f"{number}.1.1", RequestAttributesSequence=items)], REFUSE)
        for terms, uids in (
            ({requested: "R1", scheduled: '""'}, ["1.1"]),
            ({requested: "R*", scheduled: '""'}, ["1.1"]),
            ({requested: '""', scheduled: "S1"}, []),
            ({scheduled: '""'}, ["3.1"]),
            ({requested: '""', scheduled: '""'}, ["3.1"]),
            ({requested: "", scheduled: '""'}, ["3.1"]),
        ):
            assert sorted(await found(index, Level.SERIES, emptyvaluematching="true", **terms)) == uids, terms


def patients_of(page: Page) -> list[tuple[Any, ...]]:
    return [(value(o, "PatientID")[0], value(o, "PatientName"), *(o[f"0020120{n}"]["Value"][0] for n in (0, 2, 4))) for o in objects(page)]


class TimezoneContract(WithIndex):
    async def test_q14_times_are_compared_in_the_offset_of_each_object(self, index: SqlIndex) -> None:
        offsets = ["+0000", "+0100", "-0500", "+1400", None, "+0117"]
        for number, offset in enumerate(offsets):
            at: dict[str, Any] = {"StudyDate": "20240101", "StudyTime": "0030", "ContentDate": "20240101", "ContentTime": "0030"}
            await index.add([record(f"{number}", f"{number}.1", f"{number}.1.1", TimezoneOffsetFromUTC=offset, **at)], REFUSE)
        await index.add([record("9", "9.1", "9.1.1", TimezoneOffsetFromUTC="-1200", StudyDate="20240101", ContentDate="20240101")], REFUSE)
        for offset, date, uids in (
            ("+0000", "20240101", ["0", "2", "4", "5", "9"]),
            ("+0000", "20231231", ["1", "3"]),
            ("+0000", "-20231231", ["1", "3"]),
            ("-0500", "20240101-", ["2", "4", "5", "9"]),
            ("+1400", "20240101", ["0", "1", "2", "3", "4", "5", "9"]),
            ("+0100", "20240102-", []),
        ):
            zone = {"TimezoneOffsetFromUTC": offset}
            assert sorted(await found(index, Level.STUDY, StudyDate=date, **zone)) == uids, (offset, date)
            assert sorted(await found(index, Level.STUDY, ContentDate=date, **zone)) == uids, (offset, date)
        assert await found(index, Level.STUDY, TimezoneOffsetFromUTC="-0500", StudyDate="20231231", StudyTime="1920-1940") == ["0"]


class PatientsContract(WithIndex):
    async def test_patients_are_told_apart_by_id_and_issuer_and_counted_over_all_studies(self, index: SqlIndex) -> None:
        await index.add(
            [
                record("1", "1.1", "1.1.1", PatientID="B", PatientName="Old", StudyDate="20230101", PatientSex="F"),
                record("2", "2.1", "2.1.1", PatientID="B", PatientName="New", StudyDate="20240101", PatientComments="quiet"),
                record("2", "2.2", "2.2.1", PatientID="B"),
                record("2", "2.2", "2.2.2", PatientID="B"),
                record("3", "3.1", "3.1.1", PatientID="B", IssuerOfPatientID="X", PatientName="Other"),
                record("4", "4.1", "4.1.1", PatientID="A"),
                record("5", "5.1", "5.1.1", PatientName="Nobody"),
            ],
            REFUSE,
        )
        page = await index.search(patients(count="true"), access=ALL)
        new, other = [{"Alphabetic": "New"}], [{"Alphabetic": "Other"}]
        assert patients_of(page) == [("A", None, 1, 1, 1), ("B", new, 2, 3, 4), ("B", other, 1, 1, 1)]
        assert page.total == 3
        assert value(objects(page)[2], "IssuerOfPatientID") == ["X"]
        assert patients_of(await index.search(patients(PatientName="old"), access=ALL)) == [("B", new, 2, 3, 4)]
        (obj,) = objects(await index.search(patients(StudyDate="20230101", includefield="PatientComments"), access=ALL))
        assert value(obj, "PatientComments") == ["quiet"]
        assert tag("StudyDate") not in obj
        page = await index.search(patients(count="true", limit="1"), access=only("1", "5"))
        assert (len(page.matches), page.remaining, page.total) == (1, 0, 1)
        assert patients_of(await index.search(patients(), access=only("1", "5"))) == [("B", [{"Alphabetic": "Old"}], 1, 1, 1)]

    async def test_pages_of_patients(self, index: SqlIndex) -> None:
        await index.add([record(f"1.{n}", f"1.{n}.1", f"1.{n}.1.1", PatientID=f"P{n % 5}") for n in range(10)], REFUSE)
        walk = walked(index, patients(limit="2"), ALL, "PatientID")
        assert [page async for page in walk] == [["P0", "P1"], ["P2", "P3"], ["P4"]]
        page = await index.search(patients(limit="2", offset="1", count="true"), access=ALL)
        assert (uids_of(page, "PatientID"), page.remaining, page.total) == (["P1", "P2"], 2, 5)
        page = await index.search(replace(patients(limit="2", count="true"), after=page.last), access=ALL)
        assert (uids_of(page, "PatientID"), page.remaining, page.total) == (["P3", "P4"], 0, 5)
        assert await index.search(patients(limit="0"), access=ALL) == Page((), 5)
        with pytest.raises(InvalidQuery):
            await index.search(replace(patients(), after=(1,)), access=ALL)


def patients(**parameters: str) -> Query:
    return replace(query(Level.STUDY, **parameters), by_patient=True)


def with_keys(level: Level, text: str, site: SiteKeys = SITE) -> Query:
    items = [(name, value) for name, _, value in (pair.partition("=") for pair in text.split("&"))]
    return parse(items, level=level, target=Target(), wildcards=16, site=site)


class SiteKeysContract(WithIndex):
    @pytest.fixture
    async def keyed(self, url: str) -> AsyncIterator[SqlIndex]:
        opened = open_index(url, site=SITE)
        yield opened
        await opened.close()

    async def test_new_stores_are_found_by_the_sites_keys(self, keyed: SqlIndex) -> None:
        await keyed.add(
            [
                record("1", "1.1", "1.1.1", private=acme("x"), SliceThickness="1.50", KVP=120, PatientComments="loud"),
                record("1", "1.2", "1.2.1", private=acme("x", "OTHER"), SliceThickness=10),
                record("2", "2.1", "2.1.1", private=acme("y", block="C3"), SliceThickness=-2, KVP=80),
            ],
            REFUSE,
        )
        for text, level, name, uids in (
            ("00090010=ACME 1.0&00091001=x", Level.SERIES, "SeriesInstanceUID", ["1.1"]),
            ("00090010=ACME 1.0&00091001=X*", Level.STUDY, "StudyInstanceUID", []),
            ("00090010=ACME 1.0&00091001=x*", Level.STUDY, "StudyInstanceUID", ["1"]),
            ("00090010=ACME 1.0&00091001=y", Level.STUDY, "StudyInstanceUID", ["2"]),
            ("SliceThickness=1.5", Level.INSTANCE, "SOPInstanceUID", ["1.1.1"]),
            ("orderby=SliceThickness", Level.INSTANCE, "SOPInstanceUID", ["2.1.1", "1.1.1", "1.2.1"]),
            ("KVP=80", Level.STUDY, "StudyInstanceUID", ["2"]),
            ("PatientComments=l*", Level.SERIES, "SeriesInstanceUID", ["1.1", "1.2"]),
            ("orderby=-KVP", Level.STUDY, "StudyInstanceUID", ["1", "2"]),
        ):
            page = await keyed.search(with_keys(level, text), access=ALL)
            assert (uids_of(page, name), page.warnings) == (uids, ()), text
        (obj,) = objects(await keyed.search(with_keys(Level.SERIES, "00090010=ACME 1.0&00091001=y"), access=ALL))
        assert (obj["0009C301"]["Value"], obj["000900C3"]["Value"]) == (["y"], ["ACME 1.0"])

    async def test_a_new_key_gives_a_warning_until_it_is_filled(self, index: SqlIndex, url: str) -> None:
        await index.add([record("1", "1.1", f"1.1.{n:03}", SliceThickness=n, private=acme("x"), KVP=n) for n in range(250)], REFUSE)
        two: dict[str, Any] = {"SliceThickness": 7, "TimezoneOffsetFromUTC": "+0100", "PatientComments": "quiet"}
        await index.add([record("2", "2.1", "2.1.1", **two)], REFUSE)
        keyed = open_index(url, site=SITE)
        by_thickness = with_keys(Level.INSTANCE, "SliceThickness=7")
        page = await keyed.search(by_thickness, access=ALL)
        assert (page.matches, len(page.warnings)) == ((), 1)
        assert "SliceThickness" in page.warnings[0]
        assert (await keyed.search(with_keys(Level.INSTANCE, "PatientID=x"), access=ALL)).warnings == ()
        assert (await keyed.search(with_keys(Level.INSTANCE, "orderby=SliceThickness"), access=ALL)).warnings
        steps = [filling async for filling in keyed.fill_keys()]
        assert steps == [Filling(100, 251), Filling(200, 251), Filling(251, 251)]
        page = await keyed.search(by_thickness, access=ALL)
        assert (uids_of(page, "SOPInstanceUID"), page.warnings) == (["2.1.1", "1.1.007"], ())
        page = await keyed.search(with_keys(Level.STUDY, "KVP=0&00090010=ACME 1.0&00091001=x"), access=ALL)
        assert uids_of(page) == ["1"]
        assert uids_of(await keyed.search(with_keys(Level.STUDY, "PatientComments=quiet"), access=ALL)) == ["2"]
        assert [value(o, "NumberOfStudyRelatedInstances") for o in objects(await keyed.search(query(Level.STUDY), access=ALL))] == [
            [1],
            [250],
        ]
        await keyed.close()

    async def test_a_key_that_was_dropped_has_to_be_filled_again(self, index: SqlIndex, url: str) -> None:
        await index.add([record("1", "1.1", "1.1.1", SliceThickness=7)], REFUSE)
        asked = with_keys(Level.INSTANCE, "SliceThickness=7")
        for site, fill, warned in ((SITE, True, False), (SiteKeys(), False, True), (SITE, False, True), (SITE, True, False)):
            opened = open_index(url, site=site)
            if fill:
                assert [filling.done async for filling in opened.fill_keys()] == [1]
            assert bool((await opened.search(asked, access=ALL)).warnings) is warned
            await opened.close()

    async def test_keys_go_with_what_they_speak_of(self, keyed: SqlIndex) -> None:
        one = record("1", "1.1", "1.1.1", SliceThickness=7, private=acme("x"))
        await keyed.add([one, record("1", "1.1", "1.1.2", SliceThickness=8)], REFUSE)
        await keyed.remove(one.target, access=ALL)
        assert (await keyed.search(with_keys(Level.INSTANCE, "SliceThickness=7"), access=ALL)).matches == ()
        await keyed.remove(target("1"), access=ALL)
        await keyed.add([record("2", "2.1", "2.1.1")], REFUSE)
        assert (await keyed.search(with_keys(Level.SERIES, "00090010=ACME 1.0&00091001=x"), access=ALL)).matches == ()


class SearchingContract(OrderByContract, EmptyInSequencesContract, TimezoneContract, PatientsContract, SiteKeysContract):
    """All of it."""
