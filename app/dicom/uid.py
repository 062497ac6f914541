"""Checks of unique identifiers (PS3.5 9.1). Must not know: where a UID comes from or what it names."""

from __future__ import annotations

import re

from app.model import Uid

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def is_valid(text: str) -> bool:
    """True for 1 to 64 digits and dots without an empty component; leading zeros, which equipment does write, are let through."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def parse(text: str) -> Uid:
    """The text as a Uid. ValueError, without the text, if it is none (PS3.5 9.1)."""
    if not is_valid(text):
        raise ValueError("Not a DICOM unique identifier: 1 to 64 digits and dots are expected")
    return Uid(text)
