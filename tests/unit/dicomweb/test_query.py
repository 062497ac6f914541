"""The grammar of searches: what is understood, what is refused, what only gives a warning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dicom.attributes import KEYS
from app.dicomweb.query import Match, Query, Rule, decode, parse
from app.errors import InvalidQuery, TooLarge
from app.model import Level, Target


def query(text: str, level: Level = Level.STUDY, **bounds: Any) -> Query:
    return parse(decode(text), level=level, target=Target(), **({"wildcards": 16} | bounds))


def one(text: str, level: Level = Level.STUDY) -> Match:
    (match,) = query(text, level).matches
    return match


@pytest.mark.parametrize("name", ["PatientID", "00100020", "0010%30020"])
def test_q3_an_attribute_is_named_by_keyword_or_tag(name: str) -> None:
    assert one(f"{name}=A1") == Match(("00100020",), "LO", Level.STUDY, Rule.SINGLE, ("A1",))


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
        "00400275.ScheduledProcedureStepID",
    ],
)
def test_q3_nested_names_may_be_mixed(name: str) -> None:
    assert one(f"{name}=S", Level.SERIES) == Match(("00400275", "00400009"), "SH", Level.SERIES, Rule.SINGLE, ("S",))


def test_q3_tags_are_read_in_any_case() -> None:
    assert one("0020000d=1.2").path == ("0020000D",)


@pytest.mark.parametrize("name", ["PatientIdentity", "RequestAttributesSequence.Nothing", "Foo"])
def test_q3_an_unknown_keyword_is_refused(name: str) -> None:
    with pytest.raises(InvalidQuery, match="no attribute"):
        query(f"{name}=1")


@pytest.mark.parametrize("name", ["_", "foo", "patientID", "a b", "", "order", "x" * 5000, "%0d%0aSet-Cookie: a", ".", "A.b"])
def test_q3_a_parameter_that_is_no_attribute_is_ignored_with_a_warning(name: str) -> None:
    found = query(f"{name}=1")
    assert found.matches == ()
    assert len(found.warnings) == 1
    assert found.warnings[0].isprintable()


@pytest.mark.parametrize(
    "text", ["PatientID=1&PatientID=1", "PatientID=1&00100020=2", "limit=1&limit=1", "fuzzymatching=true&fuzzymatching=true"]
)
def test_q4_nothing_stands_twice(text: str) -> None:
    with pytest.raises(InvalidQuery, match="twice"):
        query(text)


@pytest.mark.parametrize("value", ["", "*", "**", "%20"])
@pytest.mark.parametrize("name", ["PatientID", "StudyDate", "StudyInstanceUID", "PatientWeight", "PatientName", "StudyTime"])
def test_q5_an_empty_value_is_universal_for_every_vr(name: str, value: str) -> None:
    assert one(f"{name}={value}").rule is Rule.UNIVERSAL


@pytest.mark.parametrize(("value", "pattern"), [("A*", "A*"), ("*A", "*A"), ("A%3FB", "A?B"), ("a**b", "a*b"), ("%25_%5C*", "%_\\*")])
def test_q6_wildcards_on_text(value: str, pattern: str) -> None:
    match = one(f"PatientID={value}")
    assert (match.rule, match.values) == (Rule.WILDCARD, (pattern,))


def test_q7_wildcards_are_literal_in_uids_and_wrong_in_dates() -> None:
    match = one("StudyInstanceUID=1.2.*")
    assert (match.rule, match.values) == (Rule.SINGLE, ("1.2.*",))
    for text in ("StudyDate=2024*", "StudyTime=12*", "PatientWeight=7*"):
        with pytest.raises(InvalidQuery):
            query(text)
    assert one("PatientAge=0*").rule is Rule.SINGLE


def test_h4_wildcards_are_bounded() -> None:
    assert query("PatientID=" + "a*" * 16).matches
    with pytest.raises(InvalidQuery, match="wildcards"):
        query("PatientID=" + "a*" * 17)


@pytest.mark.parametrize("separator", [",", "%2C", "%5C", "\\"])
def test_q8_lists_of_uids(separator: str) -> None:
    match = one("StudyInstanceUID=" + separator.join(["1.2", "1.3", "", "1.2"]))
    assert (match.rule, match.values) == (Rule.UID_LIST, ("1.2", "1.3"))


def test_q8_500_uids_are_fine_and_too_many_are_too_large() -> None:
    uids = [f"1.2.{number}" for number in range(500)]
    assert one("StudyInstanceUID=" + ",".join(uids)).values == tuple(uids)
    with pytest.raises(TooLarge):
        query("StudyInstanceUID=" + ",".join(uids), uids=499)


def test_q9_a_comma_in_a_name_is_no_list() -> None:
    match = one("PatientName=Doe,%20John")
    assert (match.rule, match.values) == (Rule.SINGLE, ("doe, john",))


@pytest.mark.parametrize(
    ("value", "rule", "values"),
    [
        ("20240131", Rule.SINGLE, ("20240131",)),
        ("2024.01.31", Rule.SINGLE, ("20240131",)),
        ("20240101-20240131", Rule.RANGE, ("20240101", "20240131")),
        ("20240101-", Rule.RANGE, ("20240101", "")),
        ("-20240131", Rule.RANGE, ("", "20240131")),
        ("20240131-20240101", Rule.RANGE, ("20240131", "20240101")),
    ],
)
def test_q10_dates(value: str, rule: Rule, values: tuple[str, ...]) -> None:
    match = one(f"StudyDate={value}")
    assert (match.rule, match.values) == (rule, values)


@pytest.mark.parametrize("value", ["-", "20240132", "2024", "today", "20240101-20240102-20240103", "2024-01-31", "20240101,20240102", "--"])
def test_q10_bad_dates_are_refused_without_repeating_them(value: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        query(f"StudyDate={value}")
    assert error.value.clause
    assert value == "-" or value not in error.value.detail


@pytest.mark.parametrize(
    ("value", "rule", "values"),
    [
        ("10-12", Rule.RANGE, ("100000.000000", "125959.999999")),
        ("1030-", Rule.RANGE, ("103000.000000", "")),
        ("-12", Rule.RANGE, ("", "125959.999999")),
        ("12", Rule.RANGE, ("120000.000000", "125959.999999")),
        ("123015.123456", Rule.SINGLE, ("123015.123456",)),
    ],
)
def test_q11_times_cover_their_precision(value: str, rule: Rule, values: tuple[str, ...]) -> None:
    match = one(f"StudyTime={value}")
    assert (match.rule, match.values) == (rule, values)


@pytest.mark.parametrize("value", ["-", "25", "10-12-14", "1-2", "noon"])
def test_q11_bad_times_are_refused(value: str) -> None:
    with pytest.raises(InvalidQuery):
        query(f"StudyTime={value}")


@pytest.mark.parametrize("prefix", ["Study", "Series", "Content", "Acquisition", "PerformedProcedureStepStart"])
def test_q12_ranges_of_date_and_time_are_one_range(prefix: str) -> None:
    match = one(f"{prefix}Time=1200-1300&{prefix}Date=20240101-20240103", Level.INSTANCE)
    assert match.rule is Rule.COMBINED
    assert match.values == ("20240101", "120000.000000", "20240103", "130059.999999")
    assert match.time_path
    assert match.vr == "DA"


@pytest.mark.parametrize(
    ("date", "time", "values"),
    [
        ("20240101-", "12-13", ("20240101", "120000.000000", "", "")),
        ("-20240103", "12-13", ("", "", "20240103", "135959.999999")),
        ("20240101-20240103", "-13", ("20240101", "", "20240103", "135959.999999")),
        ("20240101-20240103", "12", ("20240101", "120000.000000", "20240103", "125959.999999")),
        ("20240101-20240103", "120000.000000", ("20240101", "120000.000000", "20240103", "120000.000000")),
    ],
)
def test_q12_open_and_single_ends(date: str, time: str, values: tuple[str, ...]) -> None:
    assert one(f"StudyDate={date}&StudyTime={time}").values == values


def test_q12_on_one_day_date_and_time_stay_apart() -> None:
    assert [match.rule for match in query("StudyDate=20240101&StudyTime=12-13").matches] == [Rule.SINGLE, Rule.RANGE]
    assert [match.rule for match in query("StudyDate=20240101-&StudyTime=").matches] == [Rule.RANGE, Rule.UNIVERSAL]
    assert [match.rule for match in query("StudyDate=20240101-&SeriesTime=12").matches] == [Rule.RANGE, Rule.RANGE]


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("20240101-0500", ("20240101050000.000000", "20240102045959.999999")),
        ("20240101000000%2B0100-20240102", ("20231231230000.000000", "20240102235959.999999")),
        ("20240101000000+0100-", ("20231231230000.000000", "")),
        ("20240101-0500-20240102-0500", ("20240101050000.000000", "20240103045959.999999")),
        ("-20240101-0500", ("", "20240102045959.999999")),
        ("2023-2024", ("20230101000000.000000", "20241231235959.999999")),
    ],
)
def test_q13_a_hyphen_in_a_date_time_may_be_an_offset(value: str, values: tuple[str, str]) -> None:
    match = one(f"AcquisitionDateTime={value}", Level.INSTANCE)
    assert (match.rule, match.values) == (Rule.RANGE, values)


@pytest.mark.parametrize("value", ["-", "2024-01-01T00:00", "20240101-x", "1" * 100, "-" * 60])
def test_q13_bad_date_times_are_refused(value: str) -> None:
    with pytest.raises(InvalidQuery):
        query(f"AcquisitionDateTime={value}", Level.INSTANCE)


def test_q15_names_are_folded_and_groups_are_terms_of_their_own() -> None:
    assert one("PatientName=M%C3%BCller%5EJ*") == Match(("00100010",), "PN", Level.STUDY, Rule.WILDCARD, ("muller^j*",))
    assert [match.values for match in query("PatientName=Yamada%5ETarou=山田%5E*=").matches] == [("yamada^tarou",), ("山田^*",)]
    assert one("PatientName=%5E%5E").rule is Rule.UNIVERSAL
    with pytest.raises(InvalidQuery, match="parts"):
        query("PatientName=" + "a=" * 1000)


@pytest.mark.parametrize("value", ["true", "TRUE", "True"])
def test_q16_q36_fuzzy_matching_compares_words(value: str) -> None:
    match = one(f"PatientName=jo%20doe&fuzzymatching={value}")
    assert (match.rule, match.values) == (Rule.FUZZY, ("jo", "doe"))


def test_q16_fuzzy_matching_can_be_off_and_knows_no_third_value() -> None:
    assert one("PatientName=doe&fuzzymatching=false").rule is Rule.SINGLE
    assert one("PatientName=doe*&fuzzymatching=true").rule is Rule.WILDCARD
    assert one("PatientName=^&fuzzymatching=true").rule is Rule.UNIVERSAL
    assert one("PatientID=doe&fuzzymatching=true").rule is Rule.SINGLE
    with pytest.raises(InvalidQuery):
        query("fuzzymatching=yes")


def test_q16_the_words_of_a_fuzzy_name_are_bounded() -> None:
    with pytest.raises(InvalidQuery, match="parts"):
        query("fuzzymatching=true&PatientName=" + "%20".join("abcdefghijklmnopqrstuvwxyz"))


def test_q17_multiple_values_are_terms_that_all_hold_if_the_client_asks_for_it() -> None:
    found = query("ModalitiesInStudy=CT%5CPT&multiplevaluematching=true")
    assert [match.values for match in found.matches] == [("CT",), ("PT",)]
    assert found.warnings == ()
    assert one("ModalitiesInStudy=CT%5CPT").values == ("CT\\PT",)


@pytest.mark.parametrize("text", ["includefield=00081030%2C00080090", "includefield=00081030,StudyID&includefield=00080090"])
def test_q21_include_fields_come_in_lists_or_one_by_one(text: str) -> None:
    assert {("00081030",), ("00080090",)} <= set(query(text).include)


def test_q21_include_fields_of_lower_levels_are_dropped_silently() -> None:
    found = query("includefield=00080060,00091001,PatientName")
    assert (found.include, found.warnings) == ((("00100010",),), ())
    assert query("includefield=00080060,PatientName", Level.SERIES).include == (("00080060",), ("00100010",))


def test_q21_include_fields_may_be_all_sequences_leaves_and_private() -> None:
    found = query("includefield=all,RequestAttributesSequence.00400009,00400275,0009100a", Level.INSTANCE)
    assert found.include_all
    assert found.include == (("00400275", "00400009"), ("00400275",), ("0009100A",))


def test_q21_an_unknown_include_field_is_ignored_with_a_warning() -> None:
    found = query("includefield=Nothing,PatientID")
    assert found.include == (("00100020",),)
    assert found.warnings == ("The includefield Nothing is not known and was ignored.",)


@pytest.mark.parametrize("value", ["-1", "1.5", "", "ten", "0x10", "+5", "１", "9" * 30])
@pytest.mark.parametrize("name", ["limit", "offset"])
def test_q24_paging_wants_non_negative_integers(name: str, value: str) -> None:
    with pytest.raises(InvalidQuery):
        query(f"{name}={value}")


def test_q24_paging_values() -> None:
    found = query("limit=0&offset=9999999999999999999")
    assert (found.limit, found.offset) == (0, 2**31 - 1)
    assert (query("").limit, query("").offset) == (None, 0)


def test_q28_an_unsupported_key_is_returned_and_named_in_a_warning() -> None:
    found = query("PatientComments=secret&00091001=x&PatientReligiousPreference=")
    assert found.matches == ()
    assert found.include == (("00104000",), ("001021F0",))
    assert [sentence.split()[0] for sentence in found.warnings] == ["PatientComments", "00091001"]
    assert "secret" not in " ".join(found.warnings)


def test_q34_numbers_have_one_form() -> None:
    assert one("InstanceNumber=007", Level.INSTANCE).values == ("7",)
    assert one("PatientWeight=070.50").values == ("70.5",)
    for text in ("SeriesNumber=x", "PatientWeight=heavy", "Rows=1-2"):
        with pytest.raises(InvalidQuery):
            query(text)


def test_a_key_below_the_level_of_the_search_keeps_its_own_level() -> None:
    assert one("Modality=CT").level is Level.SERIES


def test_content_negotiation_parameters_are_skipped() -> None:
    assert query("accept=application/json&charset=utf-8") == query("")


def test_a_plus_is_a_space_in_text_only() -> None:
    assert decode("PatientName=Doe+J&00081030=a+b%2Bc&AcquisitionDateTime=2024+0100&limit=+1&x") == [
        ("PatientName", "Doe J"),
        ("00081030", "a b+c"),
        ("AcquisitionDateTime", "2024+0100"),
        ("limit", "+1"),
        ("x", ""),
    ]


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(InvalidQuery):
        decode("PatientName=%ff")


def test_the_whole_query_is_bounded() -> None:
    with pytest.raises(TooLarge):
        query("PatientID=" + "a" * 70_000)
    with pytest.raises(TooLarge):
        query("&".join(f"{key.keyword}=" for key in KEYS), keys=10)
    with pytest.raises(TooLarge):
        query("includefield=" + ",".join(f"{0x00100020 + number:08X}" for number in range(300)), Level.INSTANCE)


NAMES = st.sampled_from([key.keyword for key in KEYS] + ["limit", "offset", "includefield", "fuzzymatching", "multiplevaluematching"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(NAMES | st.text(max_size=20), st.text(max_size=40) | st.text("0123456789-*?,\\=^.+", max_size=40)), max_size=8),
    st.sampled_from(Level),
)
def test_parsing_raises_nothing_but_what_it_says(items: list[tuple[str, str]], level: Level) -> None:
    try:
        found = parse(items, level=level, target=Target(), wildcards=16)
    except (InvalidQuery, TooLarge):
        return
    assert all(sentence.isprintable() and sentence.isascii() for sentence in found.warnings)
    assert hash(found) is not None
    for match in found.matches:
        "".join(match.values).encode()


@given(st.text(max_size=60))
def test_decoding_raises_nothing_but_what_it_says(text: str) -> None:
    try:
        decode(text)
    except InvalidQuery:
        return
