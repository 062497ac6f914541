"""The objects of search answers: split by level, merged, ready, and put together on demand (PS3.18 10.6.3.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.attributes import KEYS_OF, REQUIRED, tag
from app.dicomweb.query import Query, decode, parse
from app.dicomweb.search_results import (
    Needs,
    Stored,
    answer,
    instance_computed,
    merge,
    needs,
    ready,
    series_computed,
    split,
    study_computed,
)
from app.model import BASE_MARK, JsonObject, Level, Target, Uid

METADATA: JsonObject = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
    "00080016": {"vr": "UI", "Value": ["1.2.3"]},
    "00080018": {"vr": "UI", "Value": ["1.1.1.1"]},
    "00080020": {"vr": "DA", "Value": ["20240131"]},
    "00080060": {"vr": "CS", "Value": ["CT"]},
    "00080201": {"vr": "SH", "Value": ["+0100"]},
    "00081032": {
        "vr": "SQ",
        "Value": [
            {
                "00080100": {"vr": "SH", "Value": ["C"]},
                "00080104": {"vr": "LO", "Value": ["Meaning"]},
                "00091001": {"vr": "OB", "InlineBinary": "AA=="},
            }
        ],
    },
    "00091001": {"vr": "LO", "Value": ["private"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]},
    "00100020": {"vr": "LO", "Value": ["A1"]},
    "00101010": {"vr": "AS", "Value": ["033Y"]},
    "00104000": {"vr": "LT", "Value": ["said \x01 or \\u0001"]},
    "00200010": {"vr": "SH"},
    "0020000D": {"vr": "UI", "Value": ["1.1"]},
    "0020000E": {"vr": "UI", "Value": ["1.1.1"]},
    "00200011": {"vr": "IS", "Value": [3]},
    "00200013": {"vr": "IS", "Value": [7]},
    "00280010": {"vr": "US", "Value": [8]},
    "00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["S"]}, "00401001": {"vr": "SH", "Value": ["R"]}}]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "\x01/studies/1.1/bulkdata/7FE00010"},
}
STUDY, SERIES, INSTANCE = split(METADATA)


def stored(level: Level) -> Stored:
    """One resource of each level, as an index keeps it."""
    if level is Level.STUDY:
        return Stored(ready(level, STUDY, computed=study_computed(["PT", "CT"], 2, 5), retrieve_uri="/studies/1.1"), STUDY)
    if level is Level.SERIES:
        return Stored(ready(level, SERIES, computed=series_computed("1.1", 4), retrieve_uri="/studies/1.1/series/1.1.1"), SERIES)
    computed = instance_computed("1.1", "1.1.1")
    return Stored(ready(level, INSTANCE, computed=computed, retrieve_uri="/studies/1.1/series/1.1.1/instances/1.1.1.1"), METADATA)


def query(text: str, level: Level, target: Target | None = None) -> Query:
    return parse(decode(text), level=level, target=target or Target(), wildcards=16)


def answered(text: str, level: Level, target: Target | None = None) -> JsonObject:
    """The parsed answer, made from exactly what `needs` names; keys have to be ascending."""
    asked = query(text, level, target)
    given = {one: stored(one) if one in needs(asked).attributes else Stored(stored(one).ready) for one in needs(asked).levels}
    text_of_answer = answer(asked, study=given.get(Level.STUDY), series=given.get(Level.SERIES), instance=given.get(Level.INSTANCE))
    return parsed(text_of_answer)


def parsed(text: bytes) -> JsonObject:
    pairs = json.loads(text, strict=False, object_pairs_hook=lambda found: found if found and found[0][0][:1].isdigit() else dict(found))
    names = [name for name, _ in pairs]
    assert names == sorted(set(names))
    found: JsonObject = json.loads(text, strict=False)
    return found


IN_STUDY, IN_SERIES = Target(Uid("1.1")), Target(Uid("1.1"), Uid("1.1.1"))


def test_splitting_puts_each_attribute_at_its_level() -> None:
    assert {"0020000D", "00100010", "00080020", "00104000"} <= set(STUDY)
    assert {"0020000E", "00080060", "00400275"} <= set(SERIES)
    assert {"00080018", "00080016", "00200013"} <= set(INSTANCE)
    assert "00080201" in STUDY.keys() & SERIES.keys() & INSTANCE.keys()
    assert not STUDY.keys() & SERIES.keys() - {"00080201"}


def test_splitting_leaves_bulkdata_and_what_searches_never_read_to_the_metadata() -> None:
    (item,) = STUDY["00081032"]["Value"]
    assert set(item) == {"00080100", "00080104"}
    assert "7FE00010" not in INSTANCE
    assert "00091001" not in INSTANCE
    assert "00091001" in METADATA["00081032"]["Value"][0]
    bulky = {"00104000": {"vr": "LT", "BulkDataURI": "\x01/x"}, "00080080": {"vr": "LO", "InlineBinary": ""}}
    assert split(bulky) == ({}, {}, {})


def test_the_first_stored_value_wins_and_an_empty_one_is_filled() -> None:
    old = {"00100020": {"vr": "LO", "Value": ["A"]}, "00100040": {"vr": "CS"}, "00100010": {"vr": "PN", "Value": [None]}}
    new = {"00100020": {"vr": "LO", "Value": ["B"]}, "00100040": {"vr": "CS", "Value": ["F"]}, "00080050": {"vr": "SH"}}
    merged = merge(old, new, overwrite=False)
    assert merged == old | {"00100040": {"vr": "CS", "Value": ["F"]}, "00080050": {"vr": "SH"}}
    assert merge(old, new, overwrite=True)["00100020"] == new["00100020"]
    assert merge(old, {"00100020": {"vr": "LO"}}, overwrite=True) == old


def test_merging_nothing_new_gives_the_same_object() -> None:
    assert merge(STUDY, json.loads(json.dumps(STUDY)), overwrite=False) is STUDY
    assert merge(STUDY, json.loads(json.dumps(STUDY)), overwrite=True) is STUDY


@pytest.mark.parametrize("level", Level)
def test_q20_required_attributes_stand_in_the_ready_object_even_if_empty(level: Level) -> None:
    found = parsed(ready(level, {}, computed={}, retrieve_uri="/studies/1.1"))
    assert set(found) == set(REQUIRED[level])
    assert all("vr" in element for element in found.values())
    assert parsed(stored(level).ready).keys() >= set(REQUIRED[level])


def test_q20_q22_the_ready_study() -> None:
    found = parsed(stored(Level.STUDY).ready)
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    assert found["00080056"]["Value"] == ["ONLINE"]
    assert found["00080061"] == {"vr": "CS", "Value": ["CT", "PT"]}
    assert found["00080201"]["Value"] == ["+0100"]
    assert found["00200010"] == {"vr": "SH"}
    assert (found["00201206"], found["00201208"]) == ({"vr": "IS", "Value": [2]}, {"vr": "IS", "Value": [5]})
    assert "00104000" not in found
    assert "Müller^Jürgen".encode() in stored(Level.STUDY).ready


def test_q23_the_retrieve_url_begins_with_the_base_mark() -> None:
    assert b'"00081190":{"vr":"UR","Value":["' + BASE_MARK + b'/studies/1.1"]}' in stored(Level.STUDY).ready
    assert stored(Level.STUDY).ready.count(BASE_MARK) == 1


def test_the_computed_classes_and_modalities_are_sorted_and_unique() -> None:
    found = study_computed(["CT", "", "CT"], 1, 1, ["1.3", "1.2", "1.3"])
    assert (found["00080061"]["Value"], found["00080062"]["Value"]) == (["CT"], ["1.2", "1.3"])
    assert study_computed([], 0, 0)["00080061"] == {"vr": "CS"}


@pytest.mark.parametrize(
    ("text", "level", "target"),
    [
        ("", Level.STUDY, Target()),
        ("PatientID=A1&includefield=00081030,00080060&ModalitiesInStudy=CT&Modality=CT", Level.STUDY, Target()),
        ("SeriesNumber=3&includefield=0008103E,00080021", Level.SERIES, IN_STUDY),
        ("RequestAttributesSequence.00400009=S", Level.SERIES, IN_STUDY),
        ("InstanceNumber=7&includefield=00080018", Level.INSTANCE, IN_SERIES),
    ],
)
def test_a_plain_search_needs_only_ready_objects(text: str, level: Level, target: Target) -> None:
    asked = query(text, level, target)
    assert needs(asked).only_ready
    assert parsed(answer(asked, **{level.value: Stored(stored(level).ready)})) == parsed(stored(level).ready)


def test_what_is_needed_is_named() -> None:
    assert needs(query("PatientAge=033Y", Level.STUDY)) == Needs(frozenset({Level.STUDY}), frozenset({Level.STUDY}))
    assert needs(query("PatientName=", Level.SERIES, IN_STUDY)) == Needs(frozenset({Level.STUDY, Level.SERIES}), frozenset())
    assert needs(query("", Level.INSTANCE)) == Needs(frozenset(Level), frozenset())
    assert needs(query("", Level.INSTANCE, IN_STUDY)) == Needs(frozenset({Level.SERIES, Level.INSTANCE}), frozenset())
    with pytest.raises(ValueError):
        answer(query("", Level.INSTANCE), instance=stored(Level.INSTANCE))


def test_relational_searches_return_the_attributes_of_the_levels_above() -> None:
    found = answered("", Level.INSTANCE)
    assert set(found) >= set(REQUIRED[Level.STUDY]) | set(REQUIRED[Level.SERIES]) | set(REQUIRED[Level.INSTANCE])
    assert found["00081190"]["Value"] == ["\x01/studies/1.1/series/1.1.1/instances/1.1.1.1"]
    assert "00100010" not in answered("", Level.INSTANCE, IN_STUDY)
    assert "00080060" in answered("", Level.INSTANCE, IN_STUDY)


def test_q21_included_fields_of_the_level_and_above() -> None:
    assert answered("includefield=PatientAge,PatientWeight", Level.STUDY)["00101010"]["Value"] == ["033Y"]
    assert "00101020" not in answered("includefield=PatientAge,PatientWeight", Level.STUDY)
    found = answered("includefield=PatientName,NumberOfStudyRelatedSeries,00091001", Level.SERIES, IN_STUDY)
    assert found["00201206"]["Value"] == [2]
    assert found.keys() - parsed(stored(Level.SERIES).ready).keys() == {"00100010", "00201206"}
    assert answered("includefield=00091001,7FE00010", Level.INSTANCE, IN_SERIES)["00091001"]["Value"] == ["private"]


def test_q5_match_keys_are_returned() -> None:
    assert answered("PatientAge=", Level.STUDY)["00101010"]["Value"] == ["033Y"]


def test_q21_a_leaf_prunes_the_items_of_its_sequence() -> None:
    name = "ProcedureCodeSequence"
    assert answered(f"includefield={name}.CodeValue", Level.STUDY)["00081032"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["C"]}}]
    assert answered(f"includefield={name}.CodeValue,{name}", Level.STUDY)["00081032"] == STUDY["00081032"]
    assert answered(f"includefield={name}.PatientID", Level.STUDY)["00081032"]["Value"] == [{}]
    assert answered("includefield=PatientComments.PatientID", Level.STUDY)["00104000"] == STUDY["00104000"]


def test_q21_all_returns_everything_of_the_level() -> None:
    assert answered("includefield=all", Level.STUDY).keys() >= STUDY.keys()
    assert answered("includefield=all", Level.INSTANCE, IN_SERIES).keys() >= METADATA.keys()
    assert answered("includefield=all", Level.INSTANCE).keys() >= METADATA.keys() | set(REQUIRED[Level.STUDY])
    assert answered("includefield=all", Level.INSTANCE)["00080005"]["Value"] == ["ISO_IR 192"]


def test_the_base_mark_is_raw_only_in_uris_of_ours() -> None:
    asked = query("includefield=all", Level.INSTANCE, IN_SERIES)
    text = answer(asked, instance=stored(Level.INSTANCE))
    assert text.count(BASE_MARK) == 2
    assert b'"BulkDataURI":"' + BASE_MARK + b"/studies" in text
    assert json.loads(text.replace(BASE_MARK, b"http://h"))["00104000"] == METADATA["00104000"]


TEXTS = st.text(max_size=20) | st.sampled_from(['"BulkDataURI":"\x01', "\\u0001", "\x01/studies", "\ud800"])


@given(st.dictionaries(st.sampled_from([name.path[0] for name in KEYS_OF[Level.STUDY]] + [tag("RetrieveURL")]), TEXTS))
def test_no_value_can_forge_the_base_mark(values: dict[str, str]) -> None:
    attributes: dict[str, Any] = {name: {"vr": "LO", "Value": [value]} for name, value in values.items()}
    own = Stored(ready(Level.STUDY, attributes, computed={}, retrieve_uri="/studies/1"), attributes)
    assert answer(query("includefield=all", Level.STUDY), study=own).count(BASE_MARK) == 1


@pytest.mark.parametrize("text", ["includefield=all", "includefield=all&PatientName=M*"])
@pytest.mark.parametrize("target", [Target(), Target(Uid("1.1")), Target(Uid("1.1"), Uid("1.1.1"))])
def test_metadata_given_as_text_gives_the_same_answer(text: str, target: Target) -> None:
    asked = query(text, Level.INSTANCE, target)
    given = {level: stored(level) for level in needs(asked).levels}
    written = json.dumps(METADATA, ensure_ascii=False, separators=(",", ":"))
    written = written.replace('"BulkDataURI":"\\u0001', '"BulkDataURI":"\x01')
    instance = Stored(given[Level.INSTANCE].ready, metadata=written)
    study, series = given.get(Level.STUDY), given.get(Level.SERIES)
    parsed = answer(asked, study=study, series=series, instance=given[Level.INSTANCE])
    found = answer(asked, study=study, series=series, instance=instance)
    assert json.loads(found, strict=False) == json.loads(parsed, strict=False)
    assert found.count(BASE_MARK) == parsed.count(BASE_MARK)
