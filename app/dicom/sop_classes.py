"""SOP classes in the words of PS3.6, and the families of those that are not images in the ordinary sense. Pure."""

from __future__ import annotations

from enum import StrEnum

from pydicom.uid import UID

from app.dicom.uid import is_valid
from app.model import Uid

_STORAGE = "1.2.840.10008.5.1.4.1.1."


class Family(StrEnum):
    """What kind of thing an object is, for the eye: families share a way to be shown, or a drawing on their icon."""

    IMAGE = "image"
    DOCUMENT = "document"
    REPORT = "report"
    WAVEFORM = "waveform"
    SEGMENTATION = "segmentation"
    DOSE = "dose"
    PLAN = "plan"
    MODEL = "model"
    STATE = "state"
    VIDEO = "video"
    OTHER = "other"


_FAMILIES = {
    "9.": Family.WAVEFORM,
    "11.": Family.STATE,
    "66.4": Family.SEGMENTATION,
    "66.5": Family.MODEL,
    "66.7": Family.SEGMENTATION,
    "67": Family.OTHER,
    "66": Family.OTHER,
    "66.": Family.OTHER,
    "68.": Family.MODEL,
    "77.1.5.3": Family.OTHER,
    "78.": Family.DOCUMENT,
    "79.1": Family.DOCUMENT,
    "80.1": Family.DOCUMENT,
    "88.": Family.REPORT,
    "90.1": Family.DOCUMENT,
    "91.1": Family.OTHER,
    "104.1": Family.DOCUMENT,
    "104.2": Family.DOCUMENT,
    "104.": Family.MODEL,
    "131": Family.OTHER,
    "200.": Family.OTHER,
    "201.": Family.OTHER,
    "4.2": Family.OTHER,
    "481.1": Family.IMAGE,
    "481.2": Family.DOSE,
    "481.": Family.PLAN,
    "481.23": Family.IMAGE,
    "481.24": Family.IMAGE,
}
"""By what follows `1.2.840.10008.5.1.4.1.1.`: a whole number, or the beginning of one that ends in a dot. The longest fits."""


def name(sop_class: str) -> str:
    """The name of the registry (PS3.6 A) without the word Storage; "" if nobody registered it."""
    known = str(UID(sop_class, validation_mode=0).name) if is_valid(sop_class) else sop_class
    return "" if known == sop_class else known.partition(" Storage")[0]


def family(sop_class: Uid | str) -> Family:
    """What is in no list is an image: it will be seen whether it has pixels."""
    if not sop_class.startswith(_STORAGE):
        return Family.IMAGE
    tail = sop_class.removeprefix(_STORAGE)
    if tail in _FAMILIES:
        return _FAMILIES[tail]
    while "." in tail:
        tail = tail.rpartition(".")[0]
        if f"{tail}." in _FAMILIES:
            return _FAMILIES[f"{tail}."]
    return Family.IMAGE
