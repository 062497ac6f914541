"""Folding of person names: what a person would call the same name is one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.names import LENGTH, fold, name_groups, name_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Doe^John", "DOE^JOHN"),
        ("Müller^Jürgen", "muller^jurgen"),
        ("Straße", "STRASSE"),
        ("Doe^John^^^", "Doe^John"),
        ("Doe ^  John  Q ", "Doe^John Q"),
        ("Ｙａｍａｄａ^Ｔａｒｏｕ", "yamada^tarou"),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ^タロウ"),
        ("Nguyễn", "nguyen"),
        ("ΓΙΏΡΓΟΣ", "γιωργοσ"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_names_that_fold_to_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("Doe^John", "Doe^Jon"), ("か", "が"), ("Doe^John", "John^Doe"), ("कि", "क")])
def test_names_that_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_groups_come_from_text_and_from_json() -> None:
    groups = ("yamada^tarou", "山田^太郎", "やまだ^たろう")
    assert name_groups("Yamada^Tarou=山田^太郎=やまだ^たろう") == groups
    assert name_groups({"Phonetic": "やまだ^たろう", "Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}) == groups
    assert name_groups("=山田^太郎") == ("山田^太郎",)
    assert name_groups({"Alphabetic": None}) == ()


def test_words_part_at_delimiters_and_hyphens() -> None:
    assert name_words("O'Brien-Smith^Mary Ann, Dr.") == ("obrien", "smith", "mary", "ann", "dr")


@given(st.none() | st.integers() | st.text() | st.dictionaries(st.sampled_from(["Alphabetic", "Ideographic"]), st.none() | st.text()))
def test_no_value_breaks_a_name(value: object) -> None:
    for form in (*name_groups(value), *name_words(value)):
        assert form
        assert len(form) <= LENGTH
        form.encode()


@given(st.text(st.characters(max_codepoint=0x24F, exclude_characters="ıİŉ")))
def test_case_never_counts(name: str) -> None:
    assert fold(name.upper()) == fold(name.lower())
