"""What had to be forgiven in an object that does not keep to PS3.5 and PS3.10: a name and a sentence for each kind.

Must not know: the object. A repair never holds a value of a data set. Oddities that the standard allows are not repairs.
"""

from __future__ import annotations

from enum import StrEnum


class Repair(StrEnum):
    """A kind of damage that was stepped over; `sentence` tells people about it."""

    NO_PREAMBLE = "no preamble"
    NO_FILE_META = "no file meta information"
    META_INCOMPLETE = "incomplete file meta information"
    META_LENGTH = "wrong length of file meta information"
    META_ENCODING = "wrong encoding of file meta information"
    META_MISMATCH = "file meta information differs from data set"
    NO_TRANSFER_SYNTAX = "no transfer syntax"
    WRONG_TRANSFER_SYNTAX = "wrong transfer syntax"
    UNKNOWN_TRANSFER_SYNTAX = "unknown transfer syntax"
    INVALID_VR = "invalid value representation"
    INVALID_SEQUENCE = "invalid sequence"
    ODD_LENGTH = "odd length"
    STRAY_DELIMITER = "stray delimiter"
    MISSING_DELIMITER = "missing delimiter"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing bytes"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Repair.NO_PREAMBLE: "The 128 byte preamble is missing (PS3.10 7.1)",
    Repair.NO_FILE_META: "The File Meta Information is missing (PS3.10 7.1)",
    Repair.META_INCOMPLETE: "The File Meta Information lacks a required element (PS3.10 7.1)",
    Repair.META_LENGTH: "The group length of the File Meta Information is missing or wrong (PS3.10 7.1)",
    Repair.META_ENCODING: "The File Meta Information is not in Explicit VR Little Endian (PS3.10 7.1)",
    Repair.META_MISMATCH: "The UIDs in the File Meta Information differ from those in the data set (PS3.10 7.1)",
    Repair.NO_TRANSFER_SYNTAX: "The File Meta Information names no transfer syntax; it was recognized from the data set (PS3.10 7.1)",
    Repair.WRONG_TRANSFER_SYNTAX: "The data set is not in the transfer syntax that the File Meta Information names (PS3.10 7.1)",
    Repair.UNKNOWN_TRANSFER_SYNTAX: "The transfer syntax is not one of PS3.6; its pixel data can only be returned as it was received",
    Repair.INVALID_VR: "A data element has an invalid value representation (PS3.5 6.2)",
    Repair.INVALID_SEQUENCE: "A sequence holds bytes that are not items (PS3.5 7.5)",
    Repair.ODD_LENGTH: "A value has an odd length (PS3.5 7.1.1)",
    Repair.STRAY_DELIMITER: "An item or delimiter stands outside of any sequence (PS3.5 7.5)",
    Repair.MISSING_DELIMITER: "A sequence or item of undefined length is not closed by its delimiter (PS3.5 7.5.2)",
    Repair.TRUNCATED: "The object ends, or its enclosing item ends, before a value does",
    Repair.TRAILING_BYTES: "Bytes that are no data elements follow the data set",
}
