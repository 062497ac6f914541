"""Value representations: how their lengths are written, how wide their numbers are, and which one an attribute has (PS3.5 6.2, PS3.6).

Must not know: objects. An ambiguous entry of the dictionary is given as it stands there ("US or SS"); `elements` settles it.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import mask_match, private_dictionary_VR

WIDE = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""These have a length of 32 bits in Explicit VR, all others one of 16 (PS3.5 7.1.2)."""

NARROW = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)

STORED = {vr.encode(): (vr, vr in WIDE) for vr in WIDE | NARROW}
"""The two bytes of an explicit VR -> (VR, whether its length has 32 bits)."""

UNIT = dict.fromkeys(("AT", "OW", "SS", "US"), 2) | dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4)
UNIT |= dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8)
"""The bytes that change places when the byte order changes (PS3.5 7.3); a VR that is absent has none."""

ZERO_PADDED = frozenset(UNIT) | {"OB", "UI", "UN"}
"""Padded with a zero byte to even length, all others with a space (PS3.5 6.2)."""

_DICTIONARY = {tag: entry[0] for tag, entry in DicomDictionary.items() if entry[0] != "NONE"}


def of_tag(tag: int) -> str:
    """The VR of a standard tag, "" if the dictionary does not know it, one with " or " in it if it is ambiguous."""
    return _DICTIONARY.get(tag) or _of_odd_tag(tag)


@lru_cache(maxsize=4096)
def _of_odd_tag(tag: int) -> str:
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else ""
    mask = mask_match(tag)
    return str(RepeatersDictionary[mask][0]) if mask else ""


@lru_cache(maxsize=4096)
def of_private_tag(tag: int, creator: str) -> str:
    """The VR that this creator gives to its tag, "" if that is not known."""
    try:
        vr = str(private_dictionary_VR(tag, creator))
    except KeyError:
        return ""
    return vr if vr in WIDE or vr in NARROW else ""
