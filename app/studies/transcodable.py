"""One answer, many instances: which of them are transcoded, and whether they really can be (PS3.18 8.7.8, 10.4.4).

What was chosen by the stored syntax alone is looked at again with the image's attributes, and with its first frame, before the answer
begins: a form that cannot be had is 406, or left out with 206, and never a broken answer. Must not know: how bytes are packed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.dicom import transfer_syntax
from app.dicom.recoded import LONGEST_VALUE, native_length
from app.dicomweb.negotiate import Offer, describe
from app.errors import Corrupt, DicomwebError, NotAcceptable, TooLarge, Unprocessable
from app.model import Access, InstanceRecord, Target, Uid
from app.ports import Archive
from app.studies.containers import Container, Packed
from app.studies.layouts import Layout, layouts
from app.studies.transcoding import Made, Transcoding, attempt, fitting, others

PROBED = 100
"""Instances of one answer whose first frame is made before it begins; the rest are taken on trust."""

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Possible:
    """The syntaxes beside the stored one; `irreducible`: Explicit VR Little Endian can hold it in no way, so that the stored form stands
    for it (PS3.18 8.7.3)."""

    others: tuple[Uid, ...]
    irreducible: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to send; `offers` tells what it could be sent as. `fixed`: it is no pixel data and has no transfer syntax to change."""

    record: InstanceRecord
    offers: Callable[[Possible], Packed]
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """The form in which an item goes, None if it has no acceptable one; and how it comes to it, if it is not the stored one.

    `offers` is what it was chosen from at last. `first` is the first frame, of the first item that is transcoded; `error` says why one
    is damaged.
    """

    offer: Offer | None
    offers: Packed
    transcoding: Transcoding | None = None
    first: Made | None = None
    error: DicomwebError | None = None


def at_first(archive: Archive, record: InstanceRecord) -> Possible:
    """What might be possible, as long as nothing but the record is known."""
    return Possible(others(archive, record), transfer_syntax.lookup(record.form.transfer_syntax).lossy)


async def settle(
    archive: Archive, access: Access, target: Target, items: Sequence[Item], container: Container, *, whole: bool
) -> list[Settled]:
    """The fate of each item under the target. `whole`: of a file all frames count, and what stands around them. Busy, NotFound."""
    fates = [_stored(container, item.offers(at_first(archive, item.record))) for item in items]
    changing = [at for at, fate in enumerate(fates) if not items[at].fixed and is_transcoded(items[at].record, fate.offer)]
    if not changing:
        return fates
    known = await layouts(archive, target, [items[at].record for at in changing], access)
    room = asyncio.Semaphore(_AT_ONCE)

    async def fate(at: int, *, probed: bool) -> None:
        item, layout = items[at], known[items[at].record.digest]
        possible = _left(archive, item.record, layout, whole=whole)
        fates[at] = _chosen(archive, item, layout, possible, container)
        if probed:
            async with room:
                fates[at] = await _proven(archive, item, layout, possible, container, fates[at])

    for at in changing[PROBED:]:
        await fate(at, probed=False)
    probes = [asyncio.create_task(fate(at, probed=True)) for at in changing[:PROBED]]
    try:
        await asyncio.gather(*probes)
    finally:
        for probe in probes:
            probe.cancel()
    for at in changing[1:]:
        fates[at] = replace(fates[at], first=None)
    return fates


def refusal(fates: Sequence[Settled]) -> DicomwebError:
    """Why there is nothing to send, though at first something was acceptable: damage, or an image that the syntax cannot hold."""
    damage = next((fate.error for fate in fates if fate.error is not None), None)
    return damage or NotAcceptable(
        "The pixel data cannot be brought into an acceptable form without loss; ask for one of the offers",
        clause="PS3.18 8.7.8.1",
        offers=list(dict.fromkeys(describe(offer) for offer in fates[0].offers)),
    )


def is_transcoded(record: InstanceRecord, offer: Offer | None) -> bool:
    return offer is not None and offer.transfer_syntax not in (None, record.form.transfer_syntax)


def _left(archive: Archive, record: InstanceRecord, layout: Layout, *, whole: bool) -> Possible:
    """What is still possible once the image is known."""
    lossy = transfer_syntax.lookup(record.form.transfer_syntax).lossy
    if layout.image is None or (whole and not layout.whole):
        return Possible((), lossy)
    found = fitting(archive, record, layout.image)
    if whole and layout.icons:
        return Possible((), irreducible=True)
    if whole and native_length(layout.image) > LONGEST_VALUE:
        return Possible(tuple(to for to in found if to != transfer_syntax.EXPLICIT_LE), irreducible=True)
    return Possible(found, lossy)


def _chosen(archive: Archive, item: Item, layout: Layout, possible: Possible, container: Container) -> Settled:
    fate = _stored(container, item.offers(possible))
    if fate.offer is None or layout.image is None or not is_transcoded(item.record, fate.offer):
        return fate
    return replace(fate, transcoding=Transcoding(archive, item.record, layout.image, Uid(fate.offer.transfer_syntax or "")))


def _stored(container: Container, offers: Packed) -> Settled:
    return Settled(container.form(offers), offers)


async def _proven(archive: Archive, item: Item, layout: Layout, possible: Possible, container: Container, fate: Settled) -> Settled:
    """The same fate if its first frame can be made, else the next best one."""
    while fate.transcoding is not None:
        try:
            first = await attempt(fate.transcoding, 1)
        except (Unprocessable, TooLarge, Corrupt) as error:
            return replace(fate, offer=None, transcoding=None, error=error)
        if first is not None:
            return replace(fate, first=first)
        possible = replace(possible, others=tuple(to for to in possible.others if to != fate.transcoding.to))
        fate = _chosen(archive, item, layout, possible, container)
    return fate
