"""Lines of text about a frame for the `annotation` parameter (PS3.18 8.3.5.1.1): the patient, and how the image was made. Pure."""

from __future__ import annotations

from app.dicom import functional_groups
from app.dicom.item import Item

_TECHNIQUE = (
    ("kV", ("00180060",), "00189325", "00180060"),
    ("mA", ("00181151",), "00189321", "00189330"),
    ("mAs", ("00181152",), "00189321", "00189332"),
    ("TR", ("00180080",), "00189112", "00180080"),
    ("TE", ("00180081",), "00189114", "00189082"),
    ("TI", ("00180082",), "", ""),
    ("FA", ("00181314",), "00189112", "00181314"),
    ("Slice", ("00180050",), "00289110", "00180050"),
)
"""Label; attributes of a single frame; functional group and attribute of an enhanced object (PS3.3 C.8.13, C.8.15)."""


def lines(dataset: Item, frame: int, frames: int) -> dict[str, tuple[str, ...]]:
    return {"patient": tuple(_patient(dataset)), "technique": tuple(_technique(dataset, frame, frames))}


def _patient(dataset: Item) -> list[str]:
    name = ", ".join(part for part in (" ".join(part.split("^")).strip() for part in dataset.text("00100010").split("^", 1)) if part)
    born = " ".join(part for part in (_date(dataset.text("00100030")), dataset.text("00100040")) if part)
    return [line for line in (name, dataset.text("00100020"), born) if line]


def _technique(dataset: Item, frame: int, frames: int) -> list[str]:
    taken = dataset.text("00080022") or dataset.text("00080023") or dataset.text("00080021") or dataset.text("00080020")
    lines = [
        " ".join(part for part in (dataset.text("00080060"), dataset.text("00180015"), dataset.text("0008103E")) if part),
        _date(taken),
        " ".join(f"{label} {value}" for label, value in _settings(dataset, frame)),
        " ".join(
            [f"Series {dataset.text('00200011')}"] * bool(dataset.text("00200011"))
            + [f"Image {dataset.text('00200013')}"] * bool(dataset.text("00200013"))
            + [f"Frame {frame}/{frames}"] * (frames > 1)
        ),
    ]
    return [line for line in lines if line]


def _settings(dataset: Item, frame: int) -> list[tuple[str, str]]:
    found = []
    for label, plain, group, attribute in _TECHNIQUE:
        macro = functional_groups.macro(dataset, frame, group) if group else None
        number = macro.number(attribute) if macro is not None else None
        number = next((each for each in map(dataset.number, plain) if each is not None), number) if number is None else number
        if number is not None:
            found.append((label, f"{number:.5g}"))
    return found


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else text
