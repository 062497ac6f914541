"""Which way an instance is shown, as one table; the first row that fits counts.

A new kind of object becomes a module that gives a `Renderer`, and a row here, before the rows that would take it for something else.
"""

from __future__ import annotations

from app.dicomweb.negotiate import Packaging
from app.studies.containers import Packed
from app.studies.rendered_charts import CHART
from app.studies.rendered_images import IMAGE
from app.studies.rendered_reports import REPORT
from app.studies.rendered_segments import SEGMENTS
from app.studies.rendered_streams import ENCAPSULATED, VIDEO_STREAM
from app.studies.rendered_values import DOSE, MAP
from app.studies.showing import Renderer, Showing

RENDERERS: tuple[Renderer, ...] = (
    VIDEO_STREAM,
    REPORT,
    CHART,
    SEGMENTS,
    DOSE,
    MAP,
    IMAGE,
    ENCAPSULATED,
)


def renderer_of(showing: Showing) -> Renderer | None:
    """The way to show this instance; None if there is nothing to see in it."""
    return next((renderer for renderer in RENDERERS if renderer.shows(showing)), None)


def offers_of(showing: Showing, *, many: bool = False) -> Packed:
    """What the instance can be shown as, best first: none if it cannot be shown. With `many` it is one of several parts."""
    renderer = renderer_of(showing)
    offers = renderer.offers(showing) if renderer is not None else ()
    if not many and not showing.single:
        return offers
    packaging = Packaging.SINGLE if showing.single else Packaging.MULTIPART
    return tuple(offer for offer in offers if offer.packaging is packaging)
