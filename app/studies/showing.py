"""What every way to show an instance is given, and what it has to give: the seam between `renderers`, which chooses, and those who draw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from app.dicomweb import rendering
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.rendering import RENDERER, View
from app.model import Access, InstanceRecord, Span
from app.ports import Archive
from app.studies.answers import Part
from app.studies.containers import Packed
from app.studies.presentations import Applied


@dataclass(frozen=True, slots=True)
class Showing:
    """One located instance that is to be shown to one caller.

    `view` has no media type yet. `numbers` are the frames asked for, None if none was named: then it is all of them. With `single` the
    answer can be one part only (URI service, thumbnails). `representative`: nobody named the one frame in `numbers`, which stands for all
    of them. `applied` is the Presentation State that an image is shown under. `base` is the base URL of the service as the user agent
    knows it, for links.
    """

    archive: Archive
    access: Access
    record: InstanceRecord
    view: View
    numbers: tuple[int, ...] | None = None
    single: bool = False
    representative: bool = False
    applied: Applied | None = None
    base: str = ""

    @property
    def digests(self) -> list[str]:
        """Of all that its pictures depend on."""
        return [self.record.digest, *(self.applied.digests if self.applied is not None else ())]

    def in_type(self, media_type: str) -> View:
        """The view in the media type that negotiation selected."""
        return replace(self.view, media_type=media_type)


@dataclass(frozen=True, slots=True)
class Renderer:
    """One way to show instances.

    `shows` tells whether an instance is of this kind. `offers` are the representations that it can have, best first, with `rendered` set;
    none if it can have none here. `parts` are those of the selected offer: exactly one if that is single part. `frames` is how many frames
    they show. All but `parts` look at the record alone.
    """

    shows: Callable[[Showing], bool]
    offers: Callable[[Showing], Packed]
    parts: Callable[[Showing, Offer], Awaitable[list[Part]]]
    frames: Callable[[Showing], int] = lambda _: 1


def offer(media_type: str, packaging: Packaging) -> Offer:
    """A rendered representation."""
    return Offer(media_type, None, packaging, rendered=True)


def single_and_multipart(media_type: str) -> Packed:
    """What is one item goes out bare, or as the one part of a multipart answer if that is asked for."""
    return offer(media_type, Packaging.SINGLE), offer(media_type, Packaging.MULTIPART)


def made_part(showing: Showing, view: View, what: str, location: str, make: Callable[[], Awaitable[bytes]]) -> Part:
    """A part that `make` gives when it is sent, unless it is kept from before. `what` names what of the instance is shown (`frame 3`): with
    the view it stands for all that the bytes depend on beside the instance, and the state it is shown under."""
    under = "".join(f" under {digest}" for digest in showing.digests[1:])
    body = partial(_made, showing, f"rendered {RENDERER} {what}{under} {rendering.canonical(view)}", make)
    return Part(view.media_type, None, location, None, body, made=True)


async def _made(showing: Showing, form: str, make: Callable[[], Awaitable[bytes]], span: Span | None = None) -> AsyncIterator[bytes]:
    made = await showing.archive.derived.made(showing.record.blob.key, form, make)
    yield made if span is None else made[span.offset : span.end]
