"""app.dicomweb.json_values, seen through the encoder: how each VR's values are written (PS3.18 F.2.2, F.2.3), by the rules' numbers."""

import struct

import pytest

from tests.unit.dicomweb.json_trees import ROOT, encoded, one, parsed

BULK = "http://h/dicom-web" + ROOT + "/bulkdata/"


@pytest.mark.parametrize("vr", ["LO", "PN", "DS", "IS", "UI", "UT", "UC", "UR"])
@pytest.mark.parametrize("raw", [b"  ", b"\0\0", b" \0"])
def test_j5_a_value_of_nothing_but_padding_is_empty(vr: str, raw: bytes) -> None:
    assert one(vr, raw) == {"vr": vr}


@pytest.mark.parametrize("vr", ["LO", "CS", "SH", "UI", "DA", "AE", "UC"])
def test_j6_empty_values_among_several_are_null_and_trailing_ones_stay(vr: str) -> None:
    assert one(vr, b"1\\\\2\\ ")["Value"] == ["1", None, "2", None]


def test_j6_empty_numbers_among_several_are_null() -> None:
    assert one("DS", b"1.0\\\\2\\")["Value"] == [1.0, None, 2, None]
    assert one("IS", b"\\2 ")["Value"] == [None, 2]


def test_j8_names_are_objects_of_their_groups_that_are_not_empty() -> None:
    document = parsed(encoded((0x00080005, "CS", b"ISO_IR 192"), (0x00100010, "PN", "Wang^XiaoDong=王^小東= ".encode())))
    assert document["00100010"]["Value"] == [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}]
    assert one("PN", b"=a^b=")["Value"] == [{"Ideographic": "a^b"}]
    assert one("PN", b"==c ")["Value"] == [{"Phonetic": "c"}]
    assert one("PN", b"Doe^John^^^ ")["Value"] == [{"Alphabetic": "Doe^John^^^"}]


def test_j8_a_fourth_group_is_not_lost() -> None:
    result = encoded((0x00100010, "PN", b"a=b=c=d"))
    assert parsed(result)["00100010"]["Value"] == [{"Alphabetic": "a", "Ideographic": "b", "Phonetic": "c=d"}]
    assert result.invalid == ("00100010",)


def test_j9_an_empty_name_among_several_is_null() -> None:
    assert one("PN", b"A\\\\B\\==")["Value"] == [{"Alphabetic": "A"}, None, {"Alphabetic": "B"}, None]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"512", 512),
        (b"1.5 ", 1.5),
        (b" +2.50", 2.5),
        (b"-.5", -0.5),
        (b"5.", 5.0),
        (b"1E-3", 0.001),
        (b"0.10", 0.1),
        (b"1e22", 1e22),
        (b"12345678901234567", "12345678901234567"),
        (b"0.12345678901234567", "0.12345678901234567"),
        (b"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        (b"1e999", "1e999"),
        (b"1e-400", "1e-400"),
    ],
)
def test_j10_a_decimal_is_a_number_when_nothing_is_lost_else_its_text(raw: bytes, value: object) -> None:
    result = encoded((0x00280030, "DS", raw))
    (found,) = parsed(result)["00280030"]["Value"]
    assert (found, type(found)) == (value, type(value))
    assert result.invalid == ()


@pytest.mark.parametrize("raw", [b"abc@", b"1,5", b"NaN", b"inf", b"1_000", b"0x10", b"1 2", b"--1", b"1e9999999999", b"9" * 70, b"1\n"])
def test_j10_a_decimal_that_is_none_stays_text_and_is_listed(raw: bytes) -> None:
    result = encoded((0x00280030, "DS", raw + b"\\2"))
    assert parsed(result)["00280030"]["Value"] == [raw.decode(), 2]
    assert result.invalid == ("00280030",)


@pytest.mark.parametrize(
    ("raw", "value"), [(b"12 ", 12), (b"+5", 5), (b"-007", -7), (b"9007199254740992", 2**53), (b"9007199254740993", "9007199254740993")]
)
def test_j10_an_integer_string_is_a_number_when_nothing_is_lost(raw: bytes, value: object) -> None:
    assert one("IS", raw)["Value"] == [value]


@pytest.mark.parametrize("raw", [b"1.5", b"x1", b"1e3", b"1_0", b"9" * 5000])
def test_j10_an_integer_string_that_is_none_stays_text_and_is_listed(raw: bytes) -> None:
    result = encoded((0x00200013, "IS", raw[:4000]))
    assert parsed(result)["00200013"]["Value"] == [raw[:4000].decode()]
    assert result.invalid == ("00200013",)


@pytest.mark.parametrize(("vr", "code"), [("FL", "f"), ("FD", "d")])
def test_j11_what_is_not_finite_is_a_string(vr: str, code: str) -> None:
    raw = struct.pack(f"<4{code}", float("nan"), float("inf"), float("-inf"), 1.5)
    assert one(vr, raw)["Value"] == ["NaN", "Infinity", "-Infinity", 1.5]


def test_j11_floats_have_the_shortest_text_that_means_them() -> None:
    raw = struct.pack("<4f", 0.1, 1 / 3, 16777216.0, 3.4028234663852886e38)
    assert encoded((0x00091001, "FL", raw)).text.split(b"[")[-1].startswith(b"0.1,0.33333334,16777216.0,3.4028235e+38]")
    assert one("FD", struct.pack("<d", 0.1))["Value"] == [0.1]


@pytest.mark.parametrize(("vr", "code"), [("SV", "q"), ("UV", "Q")])
def test_j12_integers_beyond_2_to_the_53_are_strings(vr: str, code: str) -> None:
    assert one(vr, struct.pack(f"<3{code}", 2**53, 2**53 + 1, 2**63 - 1))["Value"] == [2**53, "9007199254740993", "9223372036854775807"]


def test_j12_negative_integers_beyond_2_to_the_53_are_strings() -> None:
    assert one("SV", struct.pack("<2q", -(2**53), -(2**53) - 1))["Value"] == [-(2**53), "-9007199254740993"]


def test_j13_attribute_tags_are_eight_digit_strings() -> None:
    assert one("AT", bytes.fromhex("28001000e07fabcd"))["Value"] == ["00280010", "7FE0CDAB"]
    assert one("AT", bytes.fromhex("00280010"), little=False)["Value"] == ["00280010"]


def test_j14_uids_have_no_padding() -> None:
    assert one("UI", b"1.2.3\0")["Value"] == ["1.2.3"]
    assert one("UI", b"1.2.3 \\1.2.4\0")["Value"] == ["1.2.3", "1.2.4"]


@pytest.mark.parametrize("vr", ["SH", "LO", "CS", "AE", "DA", "TM", "DT", "AS", "UI"])
def test_j15_padding_on_both_sides_is_stripped_from_short_strings(vr: str) -> None:
    assert one(vr, b" a b \\ c\0")["Value"] == ["a b", "c"]


@pytest.mark.parametrize("vr", ["ST", "LT", "UT"])
def test_j15_leading_spaces_of_text_stay(vr: str) -> None:
    assert one(vr, b"  a\r\n  b  \0")["Value"] == ["  a\r\n  b"]


def test_j15_nul_inside_a_value_is_replaced_and_listed() -> None:
    result = encoded((0x00100020, "LO", b"12\x0034"))
    assert parsed(result)["00100020"]["Value"] == ["12\ufffd34"]
    assert result.invalid == ("00100020",)


@pytest.mark.parametrize("vr", ["SH", "LO", "PN", "UC"])
def test_j16_backslash_separates_values_even_where_it_shows_as_yen(vr: str) -> None:
    document = parsed(encoded((0x00080005, "CS", b"ISO_IR 13"), (0x00091001, vr, b"\xd4\xcf\\\xc0")))
    assert len(document["00091001"]["Value"]) == 2


@pytest.mark.parametrize("vr", ["ST", "LT", "UT", "UR"])
def test_j16_text_and_uris_are_never_split(vr: str) -> None:
    assert one(vr, b"a\\b\\")["Value"] == ["a\\b\\"]


def test_j16_a_second_byte_0x5c_is_not_a_separator() -> None:
    document = parsed(encoded((0x00080005, "CS", b"GB18030"), (0x00100020, "LO", b"\x95\x5c\\b")))
    assert document["00100020"]["Value"] == [b"\x95\x5c".decode("gb18030"), "b"]


@pytest.mark.parametrize(
    ("vr", "raw"),
    [
        ("DA", b"20240229"),
        ("DA", b"2024.02.29"),
        ("DA", b"20240101-20240201"),
        ("TM", b"10:11:12"),
        ("DT", b"20240101+0100"),
        ("DA", b"garbage"),
    ],
)
def test_j30_dates_and_times_are_kept_as_they_are(vr: str, raw: bytes) -> None:
    assert one(vr, raw)["Value"] == [raw.decode()]


@pytest.mark.parametrize(
    ("vr", "raw", "value"), [("US", b"\x01\0\x02", [1]), ("FD", bytes(8) + b"\1", [0.0]), ("AT", b"\x28\0\x10\0\x28\0", ["00280010"])]
)
def test_a_rest_that_is_no_whole_number_is_listed(vr: str, raw: bytes, value: list[object]) -> None:
    result = encoded((0x00091001, vr, raw))
    assert parsed(result)["00091001"] == {"vr": vr, "Value": value}
    assert result.invalid == ("00091001",)


def test_less_than_one_number_is_an_empty_element_and_listed() -> None:
    result = encoded((0x00091001, "UL", b"\x01\0"))
    assert parsed(result)["00091001"] == {"vr": "UL"}
    assert result.invalid == ("00091001",)


def test_characters_outside_the_default_repertoire_in_a_code_are_kept_and_listed() -> None:
    result = encoded((0x00080060, "CS", b"\xc4"))
    assert parsed(result)["00080060"]["Value"] == ["Ä"]
    assert result.invalid == ("00080060",)


def test_numbers_of_big_endian_data_sets_are_read_as_such() -> None:
    assert one("US", b"\x01\x00", little=False)["Value"] == [256]
    assert one("FD", struct.pack(">d", 1.5), little=False)["Value"] == [1.5]
