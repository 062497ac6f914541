from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storage.keys import folder_of, is_key, new_key, received, web_key

MOMENTS = st.floats(0, 2.8e11, allow_nan=False)


@given(MOMENTS, st.binary(min_size=8, max_size=8))
def test_a_new_key_is_a_key_and_tells_when_it_was_made(moment: float, random: bytes) -> None:
    key = new_key(moment, random)
    assert is_key(key)
    assert received(key) == int(moment * 1000) / 1000
    assert is_key(web_key(key))
    assert received(web_key(key)) == received(key)


@given(st.lists(MOMENTS, min_size=2, max_size=20))
def test_keys_ascend_with_the_time_of_receipt(moments: list[float]) -> None:
    keys = sorted(new_key(moment) for moment in moments)
    assert [received(key) for key in keys] == sorted(int(moment * 1000) / 1000 for moment in moments)


def test_a_web_key_follows_its_instance_and_precedes_the_next() -> None:
    one, two = new_key(5.0, bytes(8)), new_key(5.0, b"\x00" * 7 + b"\x01")
    assert sorted([two, web_key(one), one]) == [one, web_key(one), two]


def test_two_keys_of_one_moment_differ() -> None:
    assert len({new_key(1.7e9) for _ in range(1000)}) == 1000


def test_times_beyond_the_calendar_stay_inside_the_tree() -> None:
    assert received(new_key(-5)) == 0
    assert is_key(new_key(1e300))


def test_a_web_key_has_no_web_key() -> None:
    with pytest.raises(ValueError):
        web_key(web_key(new_key(0)))


def test_the_random_part_is_eight_bytes() -> None:
    with pytest.raises(ValueError):
        new_key(0, b"short")


@given(st.text(max_size=70))
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_key(text)
    with pytest.raises(ValueError):
        received(text)


@given(MOMENTS, st.data())
def test_the_folder_of_a_prefix_holds_every_key_with_it(moment: float, data: st.DataObject) -> None:
    key = new_key(moment)
    prefix = key[: data.draw(st.integers(0, len(key)))]
    assert key.startswith(folder_of(prefix))
    assert folder_of(prefix).endswith("/")
