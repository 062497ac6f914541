"""The Display Shutter and Bitmap Display Shutter modules (PS3.3 C.7.6.11, C.7.6.15, C.11.12), of an image or of a state. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.dicom.attributes import tag
from app.dicom.colours import colour
from app.dicom.item import Item
from app.dicom.overlay_activation import own
from app.dicom.softcopy import Shutter

_SHAPE, _GROUP = tag("ShutterShape"), tag("ShutterOverlayGroup")
_EDGES = tuple(
    map(tag, ("ShutterLeftVerticalEdge", "ShutterRightVerticalEdge", "ShutterUpperHorizontalEdge", "ShutterLowerHorizontalEdge"))
)
_CENTER, _RADIUS, _VERTICES = tag("CenterOfCircularShutter"), tag("RadiusOfCircularShutter"), tag("VerticesOfThePolygonalShutter")
_COLOUR, _VALUE = tag("ShutterPresentationColorCIELabValue"), tag("ShutterPresentationValue")


def shutter(item: Item, bulk: Mapping[str, bytes]) -> Shutter | None:
    """All shapes together, since the least that any of them leaves is visible; None if there is none that can be used."""
    shapes = {shape.upper() for shape in item.texts(_SHAPE)}
    edges = [item.number(edge) for edge in _EDGES]
    centre, radius = item.numbers(_CENTER), item.number(_RADIUS)
    vertices = item.numbers(_VERTICES)
    rectangle = edges if "RECTANGULAR" in shapes else [None]
    left, right, upper, lower = rectangle if len(rectangle) == 4 else (None, None, None, None)
    found = Shutter(
        rectangle=None if left is None or right is None or upper is None or lower is None else (left, right, upper, lower),
        circle=(centre[0], centre[1], radius) if "CIRCULAR" in shapes and len(centre) == 2 and radius is not None else None,
        polygon=tuple(zip(vertices[::2], vertices[1::2], strict=False)) if "POLYGONAL" in shapes and len(vertices) >= 6 else (),
        bitmap=own(item, f"{item.integer(_GROUP):04X}", bulk) if "BITMAP" in shapes else None,
        colour=colour(item, _COLOUR, _VALUE) or (0, 0, 0),
    )
    return found if found.rectangle or found.circle or found.polygon or found.bitmap else None
