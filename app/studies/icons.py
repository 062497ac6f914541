"""Icons: what stands for an instance of which no picture can be made, where a picture is asked for (PS3.18 10.4.1.1.4)."""

from __future__ import annotations

from functools import partial

from app.dicom import icons, sop_classes
from app.dicom.depiction import Sheet
from app.dicom.drawing import Drawing
from app.dicom.sop_classes import Family
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.rendering import IMAGES, View
from app.model import InstanceRecord
from app.studies.answers import Part
from app.studies.containers import Packed
from app.studies.pictures import ensure_few_pixels
from app.studies.showing import Renderer, Showing, made_part, offer

UNKNOWN = "Unknown object"


def _offers(_: Showing) -> Packed:
    return tuple(offer(kind, Packaging.SINGLE) for kind in IMAGES)


async def _parts(showing: Showing, selected: Offer) -> list[Part]:
    view = showing.in_type(selected.media_type)
    ensure_few_pixels(showing.archive, (view.columns or 0) * (view.rows or 0))
    location = f"{resources.instance(showing.record.target)}/thumbnail"
    return [made_part(showing, view, "icon", location, partial(_drawn, showing, view))]


async def _drawn(showing: Showing, view: View) -> bytes:
    return await showing.archive.pixels.depict([Sheet(_drawing(showing.record))], view)


def _drawing(record: InstanceRecord) -> Drawing:
    """The sign of its family, and the name of its SOP class: nothing that is not known without opening it."""
    family = Family.VIDEO if record.frames.video else sop_classes.family(record.sop_class_uid)
    return icons.icon(family, sop_classes.name(record.sop_class_uid) or UNKNOWN)


ICON = Renderer(lambda _: True, _offers, _parts)
"""For thumbnails alone: it is no row of the table of renderers, for a rendered resource shows what is there, or is none."""
