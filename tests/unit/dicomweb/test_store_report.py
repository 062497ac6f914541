"""The answer to a Store request (PS3.18 10.5.3, Annex I; statements S1 to S5 of the test digest)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.store_report import MAX_COMMENT, Failed, FailureReason, Stored, WarningReason, report
from app.model import Target, Uid

BASE = "http://h/dicom-web"
CT = Uid("1.2.840.10008.5.1.4.1.1.2")


def stored(study: str = "1.2", instance: str = "5.6", warning: WarningReason | None = None, *comments: str) -> Stored:
    return Stored(Target(Uid(study), Uid("3.4"), Uid(instance)), CT, warning, comments)


FAILED = Failed(CT, "7.8", FailureReason.DUPLICATE_SOP_INSTANCE, "Other bytes are stored under this UID.")
UNKNOWN = Failed(None, None, FailureReason.CANNOT_UNDERSTAND)


def test_everything_stored_is_200_without_a_failed_sequence() -> None:
    assert report([stored()], [], base=BASE) == (
        200,
        {
            "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2"]},
            "00081199": {
                "vr": "SQ",
                "Value": [
                    {
                        "00081150": {"vr": "UI", "Value": [CT]},
                        "00081155": {"vr": "UI", "Value": ["5.6"]},
                        "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2/series/3.4/instances/5.6"]},
                    }
                ],
            },
        },
    )


def test_warning_makes_202_and_carries_its_reason_and_sentence() -> None:
    status, body = report([stored("1.2", "5.6", WarningReason.ELEMENTS_DISCARDED, "One", "Two")], [], base=BASE)
    (item,) = body["00081199"]["Value"]
    assert status == 202
    assert item["00081196"] == {"vr": "US", "Value": [0xB006]}
    assert item["00000902"] == {"vr": "LO", "Value": ["One. Two"]}


def test_comment_without_a_warning_reason_stays_200() -> None:
    status, body = report([stored("1.2", "5.6", None, "Already here.")], [], base=BASE)
    assert (status, body["00081199"]["Value"][0]["00000902"]["Value"]) == (200, ["Already here."])


def test_some_failed_is_202_with_both_sequences() -> None:
    status, body = report([stored()], [FAILED], base=BASE)
    assert (status, list(body)) == (202, ["00081190", "00081198", "00081199"])
    assert body["00081198"]["Value"] == [
        {
            "00000902": {"vr": "LO", "Value": ["Other bytes are stored under this UID."]},
            "00081150": {"vr": "UI", "Value": [CT]},
            "00081155": {"vr": "UI", "Value": ["7.8"]},
            "00081197": {"vr": "US", "Value": [0x0111]},
        }
    ]


def test_nothing_stored_is_409_without_a_referenced_sequence_and_with_an_empty_address() -> None:
    status, body = report([], [FAILED], base=BASE, study=Uid("1.2"))
    assert (status, list(body)) == (409, ["00081190", "00081198"])
    assert body["00081190"] == {"vr": "UR"}


@pytest.mark.parametrize(
    "entry", [UNKNOWN, Failed(CT, None, FailureReason.CANNOT_UNDERSTAND), Failed(None, "7.8", FailureReason.CANNOT_UNDERSTAND)]
)
def test_failure_without_both_uids_stands_among_the_other_failures(entry: Failed) -> None:
    status, body = report([], [entry], base=BASE)
    assert (status, list(body)) == (409, ["00081190", "0008119A"])
    (item,) = body["0008119A"]["Value"]
    assert item["00081197"] == {"vr": "US", "Value": [0xC000]}
    assert ("00081150" in item, "00081155" in item) == (entry.sop_class is not None, entry.sop_instance is not None)


def test_address_of_the_study_is_given_for_one_study_only() -> None:
    two = [stored("1.2", "5.6"), stored("1.3", "5.7")]
    assert report(two, [], base=BASE)[1]["00081190"] == {"vr": "UR"}
    assert report([stored("1.2", "5.6"), stored("1.2", "5.7")], [], base=BASE)[1]["00081190"]["Value"] == [f"{BASE}/studies/1.2"]


def test_long_sentence_is_bounded() -> None:
    _, body = report([], [Failed(CT, "7.8", FailureReason.PROCESSING_FAILURE, "x" * 5000)], base=BASE)
    (text,) = body["00081198"]["Value"][0]["00000902"]["Value"]
    assert len(text) == MAX_COMMENT
    assert text.endswith("...")


def test_codes_are_the_standards() -> None:
    assert {reason.name: f"{reason:04X}" for reason in (*FailureReason, *WarningReason)} == {
        "PROCESSING_FAILURE": "0110",
        "DUPLICATE_SOP_INSTANCE": "0111",
        "SOP_CLASS_NOT_SUPPORTED": "0122",
        "NOT_AUTHORIZED": "0124",
        "OUT_OF_RESOURCES": "A700",
        "DATA_SET_DOES_NOT_MATCH_SOP_CLASS": "B007",
        "STUDY_MISMATCH": "A901",
        "CANNOT_UNDERSTAND": "C000",
        "TRANSFER_SYNTAX_NOT_SUPPORTED": "C122",
        "COERCION": "B000",
        "ELEMENTS_DISCARDED": "B006",
    }
    assert FailureReason(0xA900) is FailureReason.DATA_SET_DOES_NOT_MATCH_SOP_CLASS


def _keys_ascend(value: Any) -> bool:
    if isinstance(value, dict):
        tags = [key for key in value if len(key) == 8]
        return tags == sorted(tags) and all(map(_keys_ascend, value.values()))
    return all(map(_keys_ascend, value)) if isinstance(value, list) else True


@given(
    st.lists(st.builds(stored, st.sampled_from(["1.2", "1.3"]), st.just("5.6"), st.none() | st.sampled_from(WarningReason)), max_size=4),
    st.lists(st.sampled_from([FAILED, UNKNOWN]), max_size=4),
)
def test_any_report_has_ascending_keys_no_empty_sequence_and_one_item_for_each_part(done: list[Stored], failed: list[Failed]) -> None:
    status, body = report(done, failed, base=BASE)
    assert json.loads(json.dumps(body)) == body
    assert _keys_ascend(body)
    sequences = [value["Value"] for key, value in body.items() if key != "00081190"]
    assert all(sequences)
    assert sum(map(len, sequences)) == len(done) + len(failed)
    assert (status == 409) == (not done)
    assert (status == 200) == (bool(done) and not failed and all(entry.warning is None for entry in done))
