"""app.dicom.charset: what a declared repertoire means, and that no bytes whatever make it fail (PS3.5 6.1, annexes H to K)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.charset import DEFAULT_REPERTOIRE, NAMES, STRINGS, TEXT, decode, repertoire


@pytest.mark.parametrize(
    ("term", "text", "codec"),
    [
        (b"ISO_IR 100", "Müller", "latin_1"),
        (b"ISO_IR 101", "Wałęsa", "iso8859_2"),
        (b"ISO_IR 109", "Ħal", "iso8859_3"),
        (b"ISO_IR 110", "Ķeņģ", "iso8859_4"),
        (b"ISO_IR 126", "Διονυσιος", "iso8859_7"),
        (b"ISO_IR 127", "قباني", "iso8859_6"),
        (b"ISO_IR 138", "שרון", "iso8859_8"),
        (b"ISO_IR 144", "Люкceмбург", "iso8859_5"),
        (b"ISO_IR 148", "Çavuşoğlu", "iso8859_9"),
        (b"ISO_IR 166", "นามสกุล", "tis_620"),
        (b"ISO_IR 203", "Œuvre €", "iso8859_15"),
        (b"ISO_IR 13", "ﾔﾏﾀﾞ", "shift_jis"),
        (b"ISO_IR 192", "王小東=Zoë", "utf_8"),
        (b"GB18030", "王^小东", "gb18030"),
        (b"GBK", "王^小东", "gbk"),
    ],
)
def test_each_declared_repertoire_decodes_its_text(term: bytes, text: str, codec: str) -> None:
    assert decode(text.encode(codec), repertoire(term)) == text


@pytest.mark.parametrize(
    "term",
    [b"ISO_IR 100", b"ISO IR 100", b"ISO-IR-100", b"ISO_IR_100", b"iso_ir 100 ", b"ISO 2022 IR 100", b"ISO_2022_IR_100", b"ISO_IR100\0"],
)
def test_spellings_of_the_field_mean_the_standard_term(term: bytes) -> None:
    assert decode(b"M\xfcller", repertoire(term)) == "Müller"


@pytest.mark.parametrize("term", [b"UTF-8", b"utf8", b"ISO_IR_192", b"ISO IR 192", b"ISO_IR 192\\ISO 2022 IR 87", b"\\ISO_IR 192"])
def test_utf8_by_its_many_names_is_utf8(term: bytes) -> None:
    assert decode("東".encode(), repertoire(term)) == "東"


@pytest.mark.parametrize("term", [b"", b"KLINGON", b"\xff\xfe", b"rot13", b"zlib", b"\\" * 5000])
def test_unknown_terms_count_as_not_declared(term: bytes) -> None:
    assert repertoire(term) == DEFAULT_REPERTOIRE


def test_undeclared_high_bytes_are_utf8_if_valid_else_latin_1() -> None:
    assert decode("Zoë".encode(), DEFAULT_REPERTOIRE) == "Zoë"
    assert decode("Zoë".encode("latin_1"), DEFAULT_REPERTOIRE) == "Zoë"


def test_undecodable_bytes_become_replacement_characters() -> None:
    assert decode(b"a\xff\xfeb", repertoire(b"ISO_IR 192")) == "a\ufffd\ufffdb"


def test_a_japanese_name_of_annex_h_has_three_readable_groups() -> None:
    raw = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"  # PS3.5 H.3.2
    assert decode(raw, repertoire(b"ISO 2022 IR 13\\ISO 2022 IR 87"), NAMES) == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"


def test_a_japanese_name_in_ascii_and_kanji_is_readable() -> None:
    raw = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    assert decode(raw, repertoire(b"\\ISO 2022 IR 87"), NAMES) == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_a_korean_name_of_annex_i_is_readable() -> None:
    raw = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
    assert decode(raw, repertoire(b"\\ISO 2022 IR 149"), NAMES) == "Hong^Gildong=洪^吉洞=홍^길동"


def test_a_chinese_name_by_code_extension_is_readable() -> None:
    raw = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
    assert decode(raw, repertoire(b"\\ISO 2022 IR 58"), NAMES) == "Zhang^XiaoDong=张^小东="


def test_supplementary_kanji_are_readable() -> None:
    raw = "丂".encode("iso2022_jp_2").removesuffix(b"\x1b(B") + b"\x1b(B!"
    assert decode(raw, repertoire(b"\\ISO 2022 IR 159")) == "丂!"


def test_the_first_repertoire_comes_back_after_a_delimiter() -> None:
    raw = b"\xfc\x1b-F\xe1\\\xfc"
    assert decode(raw, repertoire(b"ISO 2022 IR 100\\ISO 2022 IR 126"), STRINGS) == "üα\\ü"


def test_a_backslash_in_free_text_is_no_delimiter_and_changes_nothing() -> None:
    raw = b"\x1b-F\xe1\\\xe1\r\n\xfc"
    assert decode(raw, repertoire(b"ISO 2022 IR 100\\ISO 2022 IR 126"), TEXT) == "α\\α\r\nü"


def test_a_device_that_forgets_to_escape_again_is_understood() -> None:
    raw = b"\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7"
    assert decode(raw, repertoire(b"\\ISO 2022 IR 149"), NAMES) == "洪^吉洞"


@pytest.mark.parametrize("delimiter", [b"\\", b"^", b"="])
def test_half_a_kanji_is_never_a_delimiter(delimiter: bytes) -> None:
    raw = b"\x1b$B0" + delimiter + b"\x1b(B"
    text = decode(raw, repertoire(b"\\ISO 2022 IR 87"), NAMES)
    assert len(text) == 1
    assert delimiter.decode() not in text


@pytest.mark.parametrize(("term", "codec"), [(b"GB18030", "gb18030"), (b"GBK", "gbk"), (b"ISO_IR 13", "shift_jis")])
def test_a_second_byte_0x5c_is_half_of_a_character(term: bytes, codec: str) -> None:
    raw = b"\x95\x5c"
    assert decode(raw, repertoire(term)) == raw.decode(codec)
    assert "\\" not in decode(raw, repertoire(term))


def test_high_bytes_amid_kanji_are_those_of_the_other_half_of_the_code_table() -> None:
    assert decode(b"\x1b$B;3\xd4\x1b(J", repertoire(b"ISO 2022 IR 13\\ISO 2022 IR 87")) == "山ﾔ"


def test_other_high_bytes_amid_kanji_are_replaced() -> None:
    assert decode(b"\x1b$B;3\xd4", repertoire(b"\\ISO 2022 IR 87")) == "山\ufffd"


@pytest.mark.parametrize("term", [b"ISO_IR 192", b"GB18030", b"GBK"])
def test_stand_alone_repertoires_know_no_escape_sequences(term: bytes) -> None:
    assert decode(b"\x1b$B;3", repertoire(term)) == "\x1b$B;3"


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"\x1b", b"$B", b"$)C", b"-F", b")I", b"(J", b"\\", b"^", b"\xfc", b"0", b"\n"])).map(b"".join),
    st.sampled_from(
        [b"", b"ISO_IR 13", b"ISO_IR 192", b"GB18030", b"ISO 2022 IR 100\\ISO 2022 IR 87", b"\\ISO 2022 IR 149", b"ISO_IR 166"]
    ),
    st.sampled_from([TEXT, STRINGS, NAMES]),
)
def test_any_bytes_give_text_that_utf8_can_hold(raw: bytes, term: bytes, delimiters) -> None:  # type: ignore[no-untyped-def]
    decode(raw, repertoire(term), delimiters).encode("utf-8")


@given(st.binary(max_size=100))
def test_any_declaration_gives_a_repertoire(declared: bytes) -> None:
    decode(b"\xfc\x1b$B", repertoire(declared))
