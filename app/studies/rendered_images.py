"""Images as they are shown: each frame a picture of its own, or all of them an animation (PS3.18 8.7.4, 10.4.1.1.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.rendering import ANIMATIONS, IMAGES, View
from app.studies.answers import Part
from app.studies.containers import Packed
from app.studies.pictures import ensure_few_pixels, ensure_frames, ensure_within, image_of, pictures
from app.studies.presentations import ensure_area, under
from app.studies.showing import Renderer, Showing, made_part, offer

Draw = Callable[[Showing, View, Sequence[int]], Awaitable[bytes]]
"""Draws these frames: one as a picture, several as an animation."""


def _has_frames(showing: Showing) -> bool:
    table = showing.record.frames
    return table.count > 0 and not table.video


def plainly(showing: Showing) -> bool:
    """Whether the instance has frames that can be told apart, and is not shown under a Presentation State, which says itself how."""
    return _has_frames(showing) and showing.applied is None


def _offers(showing: Showing) -> Packed:
    """One frame is one item; of several, each is a part, unless the user agent prefers them as an animation."""
    if showing.record.form.transfer_syntax not in showing.archive.pixels.decodable:
        return ()
    bare = tuple(offer(kind, Packaging.SINGLE) for kind in IMAGES)
    if showing.single:
        return bare
    parts = tuple(offer(kind, Packaging.MULTIPART) for kind in IMAGES)
    if len(_numbers(showing)) == 1:
        return bare + parts
    return parts + (tuple(offer(kind, Packaging.SINGLE) for kind in ANIMATIONS) if showing.numbers is None else ())


async def _parts(draw: Draw, showing: Showing, selected: Offer) -> list[Part]:
    view = showing.in_type(selected.media_type)
    numbers = _numbers(showing)
    ensure_frames(showing.record, numbers)
    ensure_few_pixels(showing.archive, (view.columns or 0) * (view.rows or 0))
    state = showing.applied
    place = resources.instance(showing.record.target if state is None else state.record.target)
    if selected.packaging is Packaging.SINGLE and len(numbers) > 1:
        if view.media_type in ANIMATIONS:
            return [made_part(showing, view, "animation", f"{place}/rendered", partial(draw, showing, view, numbers))]
        numbers = numbers[:1]
    whole = state is not None or (showing.record.frames.count == 1 and showing.numbers is None)
    return [
        made_part(
            showing,
            view,
            f"frame {number}",
            f"{place}/rendered" if whole else f"{resources.frames_uri(showing.record.target, number)}/rendered",
            partial(draw, showing, view, (number,)),
        )
        for number in numbers
    ]


async def _drawn(showing: Showing, view: View, numbers: Sequence[int]) -> bytes:
    if showing.applied is not None:
        drawn = await under(showing.archive, showing.applied, showing.record, numbers, showing.access)
        for each in drawn:
            ensure_area(showing.archive, each, view)
        return await showing.archive.pixels.render(drawn, view)
    await ensure_region(showing, view)
    drawn = await pictures(showing.archive, showing.record, numbers, showing.access)
    return await showing.archive.pixels.render(drawn, view)


async def ensure_region(showing: Showing, view: View) -> None:
    """InvalidQuery if nothing of the image lies in the source region (PS3.18 8.3.5.1.3)."""
    if view.region is None:
        return
    image = await image_of(showing.archive, showing.record, showing.access)
    ensure_within(view, image.columns, image.rows)


def _numbers(showing: Showing) -> Sequence[int]:
    return range(1, showing.record.frames.count + 1) if showing.numbers is None else showing.numbers


def image_renderer(shows: Callable[[Showing], bool], draw: Draw) -> Renderer:
    """Images that `draw` draws in a way of its own, frame by frame; on offer is what all images have."""
    return Renderer(shows, _offers, partial(_parts, draw), lambda showing: len(_numbers(showing)))


IMAGE = image_renderer(_has_frames, _drawn)
