"""Members of a long object, changed in its text: the same as parsing, changing and writing it."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.members import replaced

KEYS = st.sampled_from([f"{tag:08X}" for tag in range(0x00080010, 0x00080020)])
TEXTS = st.text(st.sampled_from('a"\\{}[],:\x01ü'), max_size=8)
LEAVES = st.builds(lambda values: {"vr": "LO", "Value": values}, st.lists(TEXTS, max_size=2)) | st.just({"vr": "LO"})
ITEMS = st.lists(st.dictionaries(KEYS, LEAVES, max_size=3), max_size=3)
OBJECTS = st.dictionaries(KEYS, LEAVES | st.builds(lambda items: {"vr": "SQ", "Value": items}, ITEMS), max_size=8)


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@given(OBJECTS, OBJECTS)
def test_as_if_it_had_been_parsed_changed_and_written(old: dict[str, Any], new: dict[str, Any]) -> None:
    members = {name: f'"{name}":{written(element)}' for name, element in new.items()}
    assert replaced(written(old), members) == written(old | new)


def test_half_a_million_members_take_their_time_once() -> None:
    old = {f"{0x10010000 + number:08X}": {"vr": "LO"} for number in range(500_000)}
    begun = time.process_time()
    found = replaced(written(old), {"FFFF0001": '"FFFF0001":{"vr":"LO"}'})
    assert time.process_time() - begun < 15
    assert found.endswith('"1008A11F":{"vr":"LO"},"FFFF0001":{"vr":"LO"}}')
