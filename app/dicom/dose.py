"""RT Dose (PS3.3 C.8.8.3): what its values are, and how that is told on a picture. Pure."""

from __future__ import annotations

from app.dicom.attributes import tag
from app.dicom.item import Item

_UNITS = {"GY": "Gy", "RELATIVE": "relative"}


def scaling(dataset: Item) -> float:
    """What one step of a stored value is in the dose's unit (Dose Grid Scaling)."""
    return dataset.number(tag("DoseGridScaling")) or 1.0


def legend(dataset: Item, low: float, high: float) -> tuple[str, ...]:
    """What the colours mean, and of which kind the dose is."""
    unit = _UNITS.get(dataset.text(tag("DoseUnits")).upper(), dataset.text(tag("DoseUnits")))
    kind = ", ".join(filter(None, (dataset.text(tag("DoseType")), dataset.text(tag("DoseSummationType")))))
    return tuple(filter(None, (f"Dose {low:.4g} (black) to {high:.4g} (red) {unit}".rstrip(), kind)))
