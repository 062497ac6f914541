"""The timezone and the empty values of a search (statements Q14, Q19)."""

from __future__ import annotations

import pytest

from app.dicomweb.query import Match, Query, Rule, decode, parse
from app.errors import InvalidQuery
from app.model import Level, Target


def query(text: str, level: Level = Level.STUDY) -> Query:
    return parse(decode(text), level=level, target=Target(), wildcards=16)


def one(text: str, level: Level = Level.STUDY) -> Match:
    (match,) = query(text, level).matches
    return match


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("StudyDate=20240101", ("20240101000000.000000", "20240101235959.999999")),
        ("StudyDate=20240101-&StudyTime=12-13", ("20240101120000.000000", "")),
        ("StudyDate=-20240101", ("", "20240101235959.999999")),
        ("StudyDate=20240101&StudyTime=1215", ("20240101121500.000000", "20240101121559.999999")),
    ],
)
def test_q14_a_date_with_a_timezone_is_a_range_of_instants(text: str, values: tuple[str, str]) -> None:
    match = one(text + "&TimezoneOffsetFromUTC=-0130")
    assert (match.rule, match.values, match.offset, match.time_path) == (Rule.ZONED, values, -90, ("00080030",))


def test_q14_a_date_time_takes_the_timezone_of_the_query() -> None:
    match = one("AcquisitionDateTime=20240101120000&00080201=+0100", Level.INSTANCE)
    assert match.values == ("20240101110000.000000", "20240101110000.999999")
    match = one("AcquisitionDateTime=20240101120000-0100&00080201=+0100", Level.INSTANCE)
    assert match.values[0] == "20240101130000.000000"


def test_q14_the_timezone_alone_matches_nothing_and_needs_no_warning() -> None:
    found = query("TimezoneOffsetFromUTC=%2B0100&PatientBirthDate=19700101")
    assert [match.rule for match in found.matches] == [Rule.SINGLE]
    assert found.warnings == ()
    assert query("TimezoneOffsetFromUTC=").matches == ()


@pytest.mark.parametrize("value", ["CET", "+25:00", "0100", "+1500", "+0160"])
def test_q14_what_is_no_timezone_is_refused(value: str) -> None:
    with pytest.raises(InvalidQuery, match="TimezoneOffsetFromUTC"):
        query(f"TimezoneOffsetFromUTC={value}")


@pytest.mark.parametrize("name", ["PatientID", "StudyDate", "PatientName", "StudyInstanceUID", "PatientWeight", "00400275.00400009"])
def test_q19_two_quotation_marks_are_the_empty_value_if_the_client_asks_for_it(name: str) -> None:
    match = one(f"emptyvaluematching=true&{name}=%22%22")
    assert (match.rule, match.values) == (Rule.EMPTY, ())
    assert query(f"emptyvaluematching=true&{name}=").matches[0].rule is Rule.UNIVERSAL


def test_q19_otherwise_they_stand_for_themselves() -> None:
    assert one("PatientID=%22%22&emptyvaluematching=false").values == ('""',)
    with pytest.raises(InvalidQuery):
        query("StudyDate=%22%22")


def test_q19_an_empty_time_beside_dates_stays_a_term_of_its_own() -> None:
    found = query('emptyvaluematching=true&StudyDate=20240101-&StudyTime=""')
    assert [match.rule for match in found.matches] == [Rule.RANGE, Rule.EMPTY]


def test_q28_the_creator_of_a_private_attribute_is_no_term_of_its_own() -> None:
    found = query("00090010=ACME 1.0&includefield=00091001", Level.INSTANCE)
    assert (found.matches, found.include, found.warnings) == ((), (("0009xx01:ACME 1.0",),), ())
    found = query("00090010=ACME 1.0&00091001=x&00091101=y", Level.INSTANCE)
    assert found.include == (("0009xx01:ACME 1.0",), ("00091101",))
    assert [sentence.split()[0] for sentence in found.warnings] == ["00091001", "00091101"]
    found = query("00090010=ACME 1.0", Level.INSTANCE)
    assert (found.include, found.warnings) == ((("00090010",),), ("00090010 is not supported for matching and was not applied.",))
    with pytest.raises(InvalidQuery, match="twice"):
        query("00090010=A&00090010=B")
