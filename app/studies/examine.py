"""What one received object is: from its bytes to all that is derived of it, once, so that no read has to derive anything.

Runs in a worker thread: reads from spools, writes only to spools. Must not know the index, the blob store or HTTP.
"""

from __future__ import annotations

import gc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

from app.dicom import elements, explicit, frames, part10, transfer_syntax, uid
from app.dicom.elements import DataSet
from app.dicom.encode import shown
from app.dicom.repairs import Repair
from app.dicomweb import dicom_json, resources, search_results
from app.dicomweb.store_report import Failed, FailureReason
from app.model import Blob, Bulkdata, Form, InstanceRecord, JsonObject, Limits, Span, Target, Uid, length_of
from app.ports import Spool

HEAVY = 50_000
"""Elements from which an object is heavy: they take hundreds of bytes each, so that only one such is examined at a time."""

_heavy = Lock()

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
STUDY_UID, SERIES_UID, INSTANCE_UID, CLASS_UID = 0x0020000D, 0x0020000E, 0x00080018, 0x00080016
IDENTITY = {
    CLASS_UID: "SOP Class UID",
    INSTANCE_UID: "SOP Instance UID",
    STUDY_UID: "Study Instance UID",
    SERIES_UID: "Series Instance UID",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of an object before it is read: where its bytes will lie, where those of its web form would, and when it came."""

    key: str
    web_key: str
    at: float


@dataclass(frozen=True, slots=True)
class Examined:
    """A record ready for blob store and index; `web` holds the bytes of `record.form.key` where that is not the received blob."""

    record: InstanceRecord
    web: Spool | None

    def close(self) -> None:
        """Forget the web form; its blob, if there is one, stays."""
        if self.web is not None:
            self.web.close()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to see the object: the spool that its offsets refer to, its header and its tree."""

    spool: Spool
    header: part10.Header
    dataset: DataSet
    repairs: tuple[Repair, ...]

    def pieces(self) -> tuple[bytes | Span, ...]:
        return explicit.pieces(self.spool, self.header, self.dataset)


@dataclass(frozen=True, slots=True)
class _Described:
    """What the Metadata is and gives: the attributes by level, the compressed text, bulkdata, the first values that do not fit."""

    study: JsonObject
    series: JsonObject
    attributes: JsonObject
    metadata: bytes
    bulkdata: tuple[Bulkdata, ...]
    invalid: tuple[str, ...]


def examine(spool: Spool, new_spool: Callable[[], Spool], receipt: Receipt, limits: Limits) -> Examined | Failed:
    """Derive everything, or say why the object cannot be identified (PS3.18 10.5.3, Annex I.2.2)."""
    try:
        try:
            return _attempt(spool, new_spool, receipt, replace(limits, elements=min(limits.elements, HEAVY)))
        except elements.TooMany:
            if limits.elements <= HEAVY:
                raise
        with _alone():
            return _attempt(spool, new_spool, receipt, limits)
    except (elements.Malformed, part10.NotDicom) as error:
        return Failed(None, None, FailureReason.CANNOT_UNDERSTAND, str(error))


@contextmanager
def _alone() -> Iterator[None]:
    """One heavy object at a time, while nobody looks for cycles.

    Its tree has none, and goes when it is let go. The collector would look through all of it again and again, each time for a second in
    which nothing else runs, and take longer than everything else together.
    """
    with _heavy:
        collecting = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collecting:
                gc.enable()


def _attempt(spool: Spool, new_spool: Callable[[], Spool], receipt: Receipt, limits: Limits) -> Examined | Failed:
    webs: list[Spool] = []
    try:
        examined = _examine(spool, new_spool, receipt, limits, webs)
    except BaseException:
        _close(webs)
        raise
    if isinstance(examined, Failed):
        _close(webs)
    return examined


def _examine(spool: Spool, new_spool: Callable[[], Spool], receipt: Receipt, limits: Limits, webs: list[Spool]) -> Examined | Failed:
    header = part10.read_header(spool)
    rewritten = transfer_syntax.lookup(header.transfer_syntax).rewritten
    reading = _again(webs, new_spool(), _rewritten(spool, header, limits), limits) if rewritten else _read(spool, header, limits)
    identity = _identify(reading)
    if isinstance(identity, Failed):
        return identity
    repairs = dict.fromkeys((*header.repairs, *reading.repairs))
    if part10.mismatch(reading.spool, header, reading.dataset):
        repairs[Repair.META_MISMATCH] = None
    pieces = reading.pieces()
    if not pieces:
        reading = _again(webs, new_spool(), explicit.rewrite(reading.spool, reading.header, reading.dataset), limits)
        pieces = (Span(0, reading.spool.size),)
    target, sop_class = identity
    outgoing = explicit.outgoing(reading.spool, reading.header, reading.dataset)
    described = _described(reading, target, outgoing)
    sentences = [repair.sentence for repair in repairs]
    sentences += [f"The value of {shown(tag)} does not fit its VR and is kept as it is" for tag in described.invalid]
    record = InstanceRecord(
        study_uid=Uid(target.study or ""),
        series_uid=Uid(target.series or ""),
        instance_uid=Uid(target.instance or ""),
        sop_class_uid=sop_class,
        transfer_syntax=header.transfer_syntax,
        blob=Blob(receipt.key, spool.size),
        digest=spool.digest,
        form=Form(receipt.web_key if webs else receipt.key, outgoing, sum(map(length_of, pieces)), pieces),
        frames=frames.table(reading.spool, reading.dataset, outgoing),
        bulkdata=described.bulkdata,
        received=receipt.at,
        repairs=tuple(sentences),
        study=described.study,
        series=described.series,
        attributes=described.attributes,
        metadata=described.metadata,
    )
    _close(webs[:-1])
    return Examined(record, webs[-1] if webs else None)


def _described(reading: _Reading, target: Target, outgoing: Uid) -> _Described:
    root = resources.retrieve_uri(target)
    encoded = dicom_json.encode(reading.spool, reading.dataset, bulkdata_root=root, transfer_syntax=outgoing)
    metadata = zlib.compress(encoded.text)
    return _Described(*search_results.split(encoded.object), metadata, encoded.bulkdata, encoded.invalid[:20])


def _read(spool: Spool, header: part10.Header, limits: Limits) -> _Reading:
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    walked = elements.walk(
        spool,
        start=header.offset,
        explicit=syntax.explicit,
        little=syntax.little,
        nesting=limits.nesting,
        elements=limits.elements,
    )
    return _Reading(spool, header, walked.dataset, walked.repairs)


def _identify(reading: _Reading) -> tuple[Target, Uid] | Failed:
    """The four UIDs without which nothing can be found again; whatever else is odd about an object, it is stored."""
    found = {tag: elements.text(reading.spool, reading.dataset, tag) for tag in IDENTITY}
    sound = {tag: value for tag, value in found.items() if uid.is_valid(value)}
    known = sound.get(CLASS_UID), sound.get(INSTANCE_UID)
    claimed = reading.header.text(part10.MEDIA_STORAGE_SOP_CLASS)
    if MEDIA_STORAGE_DIRECTORY in (claimed, known[0]):
        sentence = "A DICOMDIR lists the files of a medium and is no instance; store the files that it lists"
        return Failed(MEDIA_STORAGE_DIRECTORY, known[1], FailureReason.SOP_CLASS_NOT_SUPPORTED, sentence)
    for tag, name in IDENTITY.items():
        if not found[tag]:
            return Failed(*known, FailureReason.CANNOT_UNDERSTAND, f"The object has no {name}, without which it cannot be identified")
        if tag not in sound:
            sentence = f"The {name} is not a UID: digits and dots only, at most 64 characters (PS3.5 9.1)"
            return Failed(*known, FailureReason.CANNOT_UNDERSTAND, sentence)
    return Target(Uid(sound[STUDY_UID]), Uid(sound[SERIES_UID]), Uid(sound[INSTANCE_UID])), Uid(sound[CLASS_UID])


def _rewritten(spool: Spool, header: part10.Header, limits: Limits) -> Iterator[bytes]:
    """The whole file in Explicit VR Little Endian, for syntaxes that never go out on the web (PS3.18 8.7.3)."""
    if transfer_syntax.lookup(header.transfer_syntax).deflated:
        return explicit.inflate(spool, header, limit=limits.inflated_bytes, ratio=limits.inflate_ratio)
    return explicit.rewrite(spool, header, _read(spool, header, limits).dataset)


def _again(webs: list[Spool], spool: Spool, chunks: Iterable[bytes], limits: Limits) -> _Reading:
    """Write the web form into a spool of its own, which joins `webs` and so is closed whatever happens, and read it."""
    webs.append(spool)
    for chunk in chunks:
        spool.write(chunk)
    return _read(spool, part10.read_header(spool), limits)


def _close(spools: Iterable[Spool]) -> None:
    for spool in spools:
        spool.close()
