"""Which volume a request means: the frames under its target, by what the request says of them, made into one stack (PS3.18 8.3.5.3.1, .2).

The Metadata of every instance is read for that; the outcome is remembered, for viewers that ask for one picture after another. Must not
know HTTP, nor how voxels are made.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicom import show
from app.dicom.item import Item
from app.dicom.picture import Picture
from app.dicom.stacks import Slice, Stack, assemble, slices_of
from app.dicom.voxels import Voxels, kept_as
from app.dicomweb.volume import Asked
from app.dicomweb.volume_look import Source
from app.dicomweb.volume_matching import holds
from app.errors import InvalidQuery, NotSupported, TooLarge, Unprocessable
from app.model import Access, InstanceRecord, JsonObject, Level, Target, Uid
from app.ports import Archive
from app.studies.locate import ensure_sound
from app.studies.pictures import described, ensure_frames

CLAUSE = "PS3.18 8.3.5.3"
REMEMBERED = 16
BATCH = 64
"""Instances whose Metadata stands in memory at one time."""

_PRESENTATION_STATES = "1.2.840.10008.5.1.4.1.1.11."
_VOLUMETRIC = frozenset(_PRESENTATION_STATES + each for each in ("6", "7", "9", "10", "11"))
"""Planar MPR, Volume Rendering and Segmented Volume Rendering Volumetric Presentation States (PS3.4 B.5)."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The stack, how its voxels are kept, and how the image in its middle is shown, without its pixels: all that Metadata tells."""

    stack: Stack
    voxels: Voxels
    middle: Picture
    modality: str
    frame_of_reference: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What was chosen, with the records of all instances in it by UID, as they stand now."""

    chosen: Chosen
    records: dict[Uid, InstanceRecord]

    @property
    def slices(self) -> tuple[Slice, ...]:
        return self.chosen.stack.slices

    @property
    def keys(self) -> list[str]:
        """Of the blobs as received."""
        return [record.blob.key for record in self.records.values()]

    @property
    def sources(self) -> list[Source]:
        """The instances, with their frames where they have several, in the order of the slices."""
        frames: dict[Uid, list[int]] = {}
        for each in self.slices:
            frames.setdefault(each.instance, []).append(each.number)
        return [
            Source(self.records[uid].sop_class_uid, uid, tuple(numbers) if self.records[uid].frames.count > 1 else ())
            for uid, numbers in frames.items()
        ]


async def plan(
    archive: Archive, target: Target, records: Sequence[InstanceRecord], asked: Asked, numbers: Sequence[int] | None, access: Access
) -> Plan:
    """The volume that is asked for, of the instances located under the target; `numbers` are frames of the path.

    NotFound for frames that are not there; InvalidQuery for input that is not under the target; Corrupt if some of it is damaged;
    Unprocessable, with the reason, if it makes no volume; TooLarge.
    """
    taken = _referenced(records, asked)
    ensure_sound(taken)
    wanted = _frames(target, taken, asked, numbers)
    by_uid = {record.instance_uid: record for record in taken}
    name = (tuple((record.instance_uid, record.digest) for record in taken), wanted, asked.terms, archive.limits.volume_bytes)
    chosen = _remembered.get(name)
    if chosen is None:
        places = {record.instance_uid: at for at, record in enumerate(taken)}
        slices = await _slices(archive, target, places, wanted, asked, access)
        chosen = await _chosen(archive, assemble(slices, voxels=archive.limits.volume_bytes), by_uid, access)
        _remembered[name] = chosen
        while len(_remembered) > REMEMBERED:
            _remembered.popitem(last=False)
    _remembered.move_to_end(name)
    return Plan(chosen, {each.instance: by_uid[each.instance] for each in chosen.stack.slices})


def ensure_no_presentation_state(target: Target, records: Sequence[InstanceRecord], asked: Asked) -> None:
    """InvalidQuery for a Presentation State with parameters, since it says itself how it is rendered; NotSupported for one without."""
    if target.level is not Level.INSTANCE or not records[0].sop_class_uid.startswith(_PRESENTATION_STATES):
        return
    if asked.named or asked.terms or asked.view.window is not None:
        raise InvalidQuery("A Presentation State says itself how it is rendered: ask for it without volumetric parameters", clause=CLAUSE)
    if records[0].sop_class_uid in _VOLUMETRIC:
        raise NotSupported("This version does not render Volumetric Presentation States; ask for the images with parameters", clause=CLAUSE)


def _referenced(records: Sequence[InstanceRecord], asked: Asked) -> list[InstanceRecord]:
    """The instances that volumeinputreference names, by their own UID or that of their series; all, if it names none."""
    if not asked.references:
        return list(records)
    taken = [record for record in records if asked.references & {record.instance_uid, record.series_uid}]
    names = {uid for record in taken for uid in (record.instance_uid, record.series_uid)}
    if not asked.references <= names:
        raise InvalidQuery("volumeinputreference names what is not under the target", clause=f"{CLAUSE}.1")
    return taken


def _frames(target: Target, records: Sequence[InstanceRecord], asked: Asked, numbers: Sequence[int] | None) -> frozenset[int] | None:
    """The frames of the one instance that count; None for all frames of all instances."""
    if numbers is not None and records:
        ensure_frames(records[0], numbers)
    if not asked.frames:
        return None if numbers is None else frozenset(numbers)
    if target.level is not Level.INSTANCE and len(records) != 1:
        raise InvalidQuery("volumeinputreference names frames of one instance: make that the target", clause=f"{CLAUSE}.1")
    within = frozenset(numbers) if numbers is not None else frozenset(range(1, records[0].frames.count + 1)) if records else frozenset()
    if not asked.frames <= within:
        raise InvalidQuery("volumeinputreference names frames that are not in the target", clause=f"{CLAUSE}.1")
    return asked.frames


async def _slices(
    archive: Archive, target: Target, places: dict[Uid, int], wanted: frozenset[int] | None, asked: Asked, access: Access
) -> list[Slice]:
    """The frames of these instances that may belong to a volume, in the order of the instances."""
    found: list[Slice] = []
    batch: list[tuple[bytes, Uid, int]] = []
    async for metadata in archive.index.metadata(target, access=access):
        uid = metadata.target.instance
        if uid is not None and uid in places:
            batch.append((metadata.text, uid, places[uid]))
        if len(batch) >= BATCH:
            found += await asyncio.to_thread(_read, batch, wanted, asked)
            batch = []
    return found + await asyncio.to_thread(_read, batch, wanted, asked)


def _read(batch: Sequence[tuple[bytes, Uid, int]], wanted: frozenset[int] | None, asked: Asked) -> list[Slice]:
    found = []
    for text, uid, at in batch:
        # The mark of the base URL is a control character, which only a lenient reader takes.
        dataset: JsonObject = json.loads(zlib.decompress(text), strict=False)
        slices = slices_of(dataset, uid, at, wanted)
        if asked.terms:
            item = Item(dataset)
            slices = [each for each in slices if all(holds(term, item, each.number) for term in asked.terms)]
        found += slices
    return found


async def _chosen(archive: Archive, stack: Stack, records: dict[Uid, InstanceRecord], access: Access) -> Chosen:
    middle = stack.slices[(len(stack.slices) - 1) // 2]
    dataset = await described(archive, records[middle.instance], access)
    try:
        picture = show.picture(dataset, middle.number, {})
    except ValueError:
        raise Unprocessable("The images do not describe their pixel data", clause="PS3.3 C.7.6.3") from None
    voxels = kept_as(stack.grid, picture.image, {each.rescale for each in stack.slices})
    if voxels.bytes > archive.limits.volume_bytes:
        most = archive.limits.volume_bytes
        sentence = f"The volume would have {voxels.bytes} bytes, more than {most} (setting limits.volume_bytes)"
        raise TooLarge(f"{sentence}; ask for some of its images with volumeinputreference", clause=CLAUSE)
    item = Item(dataset)
    shown = replace(picture, overlays=(), annotations={})
    return Chosen(stack, voxels, shown, item.text("00080060").upper(), item.text("00200052"))


_remembered: OrderedDict[object, Chosen] = OrderedDict()
"""What was chosen last, by the digests of all instances that it was chosen from: equal digests, equal Metadata."""
