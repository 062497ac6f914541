"""The data dictionary (PS3.6) as plain tables: what tags are called, and what UIDs stand for. Must not know who shows them."""

from __future__ import annotations

from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]


@cache
def keywords() -> dict[str, str]:
    """Keywords by tag: 8 hex digits in upper case, with an `x` for each digit that repeats (60xx3000)."""
    found = {f"{tag:08X}": entry[4] for tag, entry in DicomDictionary.items()}
    found |= {tag.upper().replace("X", "x"): entry[4] for tag, entry in RepeatersDictionary.items()}
    return {tag: keyword for tag, keyword in found.items() if keyword}


@cache
def uid_names(kind: str) -> dict[str, str]:
    """Names by UID, of one kind of PS3.6 Table A-1, such as `SOP Class` or `Transfer Syntax`."""
    return {uid: entry[0] for uid, entry in UID_dictionary.items() if entry[1] == kind}
