"""Which overlays a presentation state shows, in which layer, and where they come from (PS3.3 C.11.7). Pure.

An overlay of a group that the state itself holds stands in the place of the image's of that group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.dicom.graphic_annotation import Layer
from app.dicom.item import Item
from app.dicom.overlays import GROUPS, overlays
from app.dicom.picture import ImageAttributes, Overlay

_ACTIVATION_LAYER = "1001"


def activated(state: Item, known: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """Groups with the layers they are shown in; a group that names no layer is not shown."""
    for group in GROUPS:
        layer = known.get(state.text(group + _ACTIVATION_LAYER))
        if layer is not None:
            yield group, layer


def of_group(dataset: Item, group: str, image: ImageAttributes, frame: int, bulk: Mapping[str, bytes]) -> Overlay | None:
    """The overlay of one repeating group, over this frame."""
    mine = {key: value for key, value in dataset.attributes.items() if key.startswith(group)}
    return next(overlays(Item(mine, dataset.path), image, frame, bulk), None) if group in GROUPS else None


def own(state: Item, group: str, bulk: Mapping[str, bytes]) -> Overlay | None:
    """The overlay that the state itself holds: always a plane of bits of its own."""
    return of_group(state, group, ImageAttributes(0, 0), 1, bulk)
