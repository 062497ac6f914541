"""Values as people write them."""

import pytest

from app.dicom import readable


@pytest.mark.parametrize(
    ("stored", "written"),
    [("20240229", "2024-02-29"), ("202402", "2024-02"), ("2024", "2024"), ("2024.02.29", "2024-02-29"), ("today", "today"), ("", "")],
)
def test_a_date_is_written_in_iso_order(stored: str, written: str) -> None:
    assert readable.date(stored) == written


@pytest.mark.parametrize(
    ("stored", "written"),
    [("101500", "10:15:00"), ("1015", "10:15"), ("101500.25", "10:15:00.25"), ("10:15:00", "10:15:00"), ("noon", "noon"), ("", "")],
)
def test_a_time_is_written_with_colons(stored: str, written: str) -> None:
    assert readable.time(stored) == written


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("20240229101500+0100", "2024-02-29 10:15:00 +01:00"),
        ("20240229101500.5", "2024-02-29 10:15:00.5"),
        ("20240229", "2024-02-29"),
        ("202402", "2024-02"),
        ("2024022910", "2024-02-29 10"),
        ("then", "then"),
    ],
)
def test_a_date_time_keeps_its_offset(stored: str, written: str) -> None:
    assert readable.date_time(stored) == written


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ({"Alphabetic": "Doe^Jane^Mary^Dr^MD"}, "Doe, Dr Jane Mary, MD"),
        (
            {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
            "Yamada, Tarou (山田 太郎; やまだ たろう)",
        ),
        ({"Ideographic": "山田^太郎"}, "山田 太郎"),
        ("Doe^Jane", "Doe, Jane"),
        ("^^^^", ""),
        ("a^b^c^d^e^f^g", "a, d b c, e, f, g"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_name_has_its_family_name_first_and_all_its_groups(stored: object, written: str) -> None:
    assert readable.name(stored) == written
