"""Character repertoires (PS3.5 6.1, PS3.3 C.12.1.1.2): bytes of text values in, text out, and never an exception.

Must not know: VRs, value multiplicity, JSON. Declared terms are looked up in a fixed table, never handed to Python's codec search. What
cannot be decoded becomes U+FFFD. The whole value is decoded before anybody splits it, because in GB18030, GBK and JIS X 0208 the byte
0x5C may be half of a character (PS3.5 6.1.2.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_DEFAULT = ""
"""Stands for the default repertoire (ISO IR 6), and for a declaration that nobody knows."""

_SINGLE_BYTE = {
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "166": "tis_620",
    "203": "iso8859_15",
    "13": "shift_jis",
    "6": _DEFAULT,
}

_TERMS = {
    **{f"ISOIR{number}": codec for number, codec in _SINGLE_BYTE.items()},
    **{f"ISO2022IR{number}": codec for number, codec in _SINGLE_BYTE.items()},
    "ISO2022IR149": "euc_kr",
    "ISO2022IR58": "gb2312",
    "ISO202258": "gb2312",
    "ISO2022IR87": _DEFAULT,
    "ISO2022IR159": _DEFAULT,
    "ISOIR192": "utf_8",
    "ISO2022IR192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO2022GBK": "gbk",
    # Not the standard's terms, but met in the field.
    "UTF8": "utf_8",
    "ISO88591": "latin_1",
    "LATIN1": "latin_1",
    "SHIFTJIS": "shift_jis",
    "GB2312": "gb2312",
}
"""Terms without their spaces, dashes and underscores: `ISO_IR 100`, `ISO IR 100`, `ISO-IR-100` and `ISO_IR_100` are all in use."""

_STAND_ALONE = frozenset({"utf_8", "gb18030", "gbk"})

_G0 = {b"(B": "", b"(J": "", b"$B": "iso2022_jp", b"$@": "iso2022_jp", b"$(D": "iso2022_jp_2"}
_G1 = {
    b")I": "shift_jis",
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "tis_620",
    b"-b": "iso8859_15",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
}
"""Escape sequences (without ESC) and what they put into the code elements G0 and G1 (PS3.3 tables C.12-3, C.12-4)."""

_ESCAPE = re.compile(rb"\x1b(" + b"|".join(re.escape(code) for code in (*_G0, *_G1)) + rb")")
_PREFIX = {"iso2022_jp": b"\x1b$B", "iso2022_jp_2": b"\x1b$(D"}
_CONTROL = re.compile(rb"[\t\n\f\r]")
_KATAKANA = re.compile(rb"[\xa1-\xdf]")
_HIGH_BITS = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))

TEXT = _CONTROL
STRINGS = re.compile(rb"[\t\n\f\r\\]")
NAMES = re.compile(rb"[\t\n\f\r\\^=]")
"""Where the initial repertoire comes back by itself (PS3.5 6.1.2.5.3): in ST LT UT, in SH LO UC, in PN."""


@dataclass(frozen=True, slots=True)
class Repertoire:
    """How text of a data set is encoded: `codec` is what is active at the start of each value ("" = default repertoire)."""

    codec: str = _DEFAULT
    stand_alone: bool = False


DEFAULT_REPERTOIRE = Repertoire()


@lru_cache(maxsize=256)
def repertoire(declared: bytes) -> Repertoire:
    """The repertoire that a raw value of Specific Character Set (0008,0005) declares; unknown terms count as not declared.

    Only the first value matters: code extensions announce themselves by their escape sequences, which are understood whether or not
    they were declared. A stand-alone set in another place than the first is honoured if the first says nothing.
    """
    codecs = [_codec(term) for term in declared[:1024].split(b"\\")]
    codec = codecs[0] or next((each for each in codecs if each in _STAND_ALONE), _DEFAULT)
    return Repertoire(codec, codec in _STAND_ALONE)


def decode(raw: bytes, active: Repertoire, delimiters: re.Pattern[bytes] = STRINGS) -> str:
    """The text of a whole value, padding and value delimiters included. Total: any bytes give some text.

    High bytes where nothing is declared: UTF-8 if they are valid UTF-8, else Latin-1, because that is what such devices mean.
    """
    if b"\x1b" in raw and not active.stand_alone and _ESCAPE.search(raw) is not None:
        return _decode_extended(raw, active.codec, delimiters)
    if raw.isascii():
        return raw.decode("ascii")
    return _decode_plain(raw, active.codec)


def _codec(term: bytes) -> str:
    squeezed = re.sub(r"[^A-Z0-9]", "", term.decode("ascii", "ignore").upper())
    return _TERMS.get(squeezed, _DEFAULT)


def _decode_plain(raw: bytes, codec: str) -> str:
    if codec:
        return raw.decode(codec, "replace")
    try:
        return raw.decode("utf_8")
    except UnicodeDecodeError:
        return raw.decode("latin_1")


def _decode_extended(raw: bytes, initial: str, delimiters: re.Pattern[bytes]) -> str:
    text: list[str] = []
    multi, high = "", initial
    pieces = _ESCAPE.split(raw)
    for at in range(0, len(pieces), 2):
        if at:
            code = pieces[at - 1]
            multi, high = (_G0[code], high) if code in _G0 else (multi, _G1[code])
        piece = pieces[at]
        # Inside JIS X 0208/0212 the bytes of `\\`, `^` and `=` are halves of characters; only control characters end it.
        end = (_CONTROL if multi else delimiters).search(piece)
        if end is None:
            text.append(_segment(piece, multi, high))
            continue
        text.append(_segment(piece[: end.start()], multi, high))
        # Devices that declare no first value often forget to escape again after a delimiter; there is nothing else it could mean.
        multi, high = "", initial or high
        text.append(_segment(piece[end.start() :], multi, high))
    return "".join(text)


def _segment(piece: bytes, multi: str, high: str) -> str:
    if not multi:
        return piece.decode("ascii") if piece.isascii() else _decode_plain(piece, high)
    if high == "shift_jis" and multi == "iso2022_jp" and not piece.isascii():
        # Half-width katakana in G1 amid JIS X 0208 in G0: the same pair of sets as EUC-JP, which differs only in the high bits.
        return _KATAKANA.sub(b"\x8e\\g<0>", piece).translate(_HIGH_BITS).decode("euc_jp", "replace")
    return (_PREFIX[multi] + piece).decode(multi, "replace")
