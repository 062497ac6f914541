"""Normal forms of values: what is equal for a search, and that no value whatever breaks them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom import values

ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("20240131", "20240131"),
        (" 20240131 ", "20240131"),
        ("2024.01.31", "20240131"),
        ("20240229", "20240229"),
        ("20230229", None),
        ("20241301", None),
        ("00000101", None),
        ("2024.0131", None),
        ("2024", None),
        ("٢٠٢٤٠١٣١", None),
        ("", None),
        (None, None),
    ],
)
def test_date(value: object, form: str | None) -> None:
    assert values.date(value) == form


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        ("12", ("120000.000000", "125959.999999")),
        ("1230", ("123000.000000", "123059.999999")),
        ("123015", ("123015.000000", "123015.999999")),
        ("123015.5", ("123015.500000", "123015.599999")),
        ("123015.123456", ("123015.123456", "123015.123456")),
        ("12:30:15", ("123015.000000", "123015.999999")),
        ("235960", ("235960.000000", "235960.999999")),
        ("24", None),
        ("1260", None),
        ("123061", None),
        ("1", None),
        ("12:3015", None),
        ("123015.", None),
        ("noon", None),
    ],
)
def test_time_covers_its_precision(value: str, bounds: tuple[str, str] | None) -> None:
    assert values.time_bounds(value) == bounds
    assert values.time(value) == (bounds[0] if bounds else None)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        ("2024", ("20240101000000.000000", "20241231235959.999999")),
        ("202402", ("20240201000000.000000", "20240229235959.999999")),
        ("20240131", ("20240131000000.000000", "20240131235959.999999")),
        ("2024013112", ("20240131120000.000000", "20240131125959.999999")),
        ("20240131120000.5+0100", ("20240131110000.500000", "20240131110000.599999")),
        ("20240101-0500", ("20240101050000.000000", "20240102045959.999999")),
        ("20231231235960+0000", ("20231231235959.000000", "20231231235959.999999")),
        ("00010101+0100", None),
        ("20240101+9900", None),
        ("20240132", None),
        ("202", None),
    ],
)
def test_date_time_is_brought_to_utc_only_if_it_has_an_offset(value: str, bounds: tuple[str, str] | None) -> None:
    assert values.datetime_bounds(value) == bounds


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-12 * 60, 14 * 60))
def test_a_date_time_is_the_same_instant_in_every_offset(moment: datetime, minutes: int) -> None:
    local = moment + timedelta(minutes=minutes)
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    written = f"{local:%Y%m%d%H%M%S.%f}{sign}{size // 60:02}{size % 60:02}"
    assert values.instant(written) == f"{moment:%Y%m%d%H%M%S.%f}"


@pytest.mark.parametrize(
    ("value", "form"),
    [("007", 7), ("+7", 7), (" 7 ", 7), (7, 7), (7.0, 7), ("-7", -7), ("7.5", None), (7.5, None), ("9" * 19, None), ("", None)],
)
def test_integer(value: object, form: int | None) -> None:
    assert values.integer(value) == form


@pytest.mark.parametrize(
    ("value", "form"), [("1.50", 1.5), ("1.5E0", 1.5), (".5", 0.5), (2, 2.0), ("-0.0", 0.0), ("1e999", None), ("nan", None), ("x", None)]
)
def test_decimal(value: object, form: float | None) -> None:
    found = values.decimal(value)
    assert (found, repr(found)) == (form, repr(form))


def test_text_loses_padding_and_what_no_database_holds() -> None:
    assert values.text("  a b \x00") == "a b"
    assert values.text("a\x00b\ud800") == "ab"
    assert len(values.text("é" * 5000)) == values.LENGTH
    assert values.text(10**5000) == ""


@given(ANY)
def test_no_value_breaks_a_normal_form(value: object) -> None:
    text = values.text(value)
    assert text == text.strip()
    text.encode()
    for form in (values.date, values.time, values.instant, values.integer, values.decimal, values.uid):
        form(value)


@given(st.text(alphabet="0123456789.:+-", max_size=30))
def test_bounds_are_in_order(value: str) -> None:
    for bounds in (values.time_bounds(value), values.datetime_bounds(value)):
        assert bounds is None or bounds[0] <= bounds[1]
