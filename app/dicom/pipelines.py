"""The grayscale steps that a presentation state defines for its images (PS3.3 C.11.1, C.11.8, C.11.15; PS3.4 N.2.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.dicom import lookup_tables, references
from app.dicom.attributes import tag
from app.dicom.item import Item
from app.dicom.picture import Lut, Window
from app.dicom.references import Reference

_VOI, _VOI_LUT = tag("SoftcopyVOILUTSequence"), tag("VOILUTSequence")
_SLOPE, _INTERCEPT, _MODALITY = tag("RescaleSlope"), tag("RescaleIntercept"), tag("ModalityLUTSequence")
_VARIABLE = tag("VariableModalityLUTSequence")

Scope = tuple[Reference, ...]
"""The images and frames that a part of a state is for; all of the state's if none are named."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The grayscale steps of a state (PS3.4 N.2.1). Of several that cover a frame the first counts; without one the step is an identity."""

    modality: tuple[tuple[Scope, tuple[float, float] | Lut], ...] = ()
    voi: tuple[tuple[Scope, Window | Lut], ...] = ()


def pipeline(item: Item, bulk: Mapping[str, bytes]) -> Pipeline:
    """The Modality and Softcopy VOI LUT modules of a state, or of one side of a blending (PS3.3 C.11.1, C.11.8, C.11.15)."""
    variable = [(references.images(each), _modality(each, bulk)) for each in item.items(_VARIABLE)]
    modality = [*variable, ((), _modality(item, bulk))]
    voi = [(references.images(each), _voi(each, bulk)) for each in item.items(_VOI)]
    return Pipeline(
        tuple((scope, found) for scope, found in modality if found is not None),
        tuple((scope, found) for scope, found in voi if found is not None),
    )


def _modality(item: Item, bulk: Mapping[str, bytes]) -> tuple[float, float] | Lut | None:
    slope, intercept = item.number(_SLOPE), item.number(_INTERCEPT)
    if slope is not None or intercept is not None:
        return slope or 1.0, intercept or 0.0
    return lookup_tables.first_table(item, _MODALITY, bulk)


def _voi(item: Item, bulk: Mapping[str, bytes]) -> Window | Lut | None:
    windows = lookup_tables.windows(item)
    return windows[0] if windows else lookup_tables.first_table(item, _VOI_LUT, bulk)
