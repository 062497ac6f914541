"""What one received object is: from its bytes to all that is derived of it, once, so that no read has to derive anything.

Runs in a worker thread: reads from spools, writes only to spools. Must not know the index, the blob store or HTTP.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from app.dicom import elements, explicit, frames, part10, transfer_syntax, uid
from app.dicom.elements import DataSet
from app.dicom.repairs import Repair
from app.dicomweb import dicom_json, resources, search_results
from app.dicomweb.store_report import Failed, FailureReason
from app.model import Blob, Form, InstanceRecord, Limits, Span, Target, Uid
from app.ports import Spool

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
LITERAL_LIMIT = 1024 * 1024
"""Rewritten bytes beyond this go to a blob of their own rather than into the index row."""

CHUNK = 1024 * 1024
STUDY_UID, SERIES_UID, INSTANCE_UID, CLASS_UID = 0x0020000D, 0x0020000E, 0x00080018, 0x00080016
MEDIA_STORAGE_CLASS_UID = 0x00020002
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to see the object: the spool that its offsets refer to, its header and its tree."""

    spool: Spool
    header: part10.Header
    dataset: DataSet
    repairs: tuple[Repair, ...]

    def pieces(self) -> tuple[bytes | Span, ...]:
        return explicit.pieces(self.spool, self.header, self.dataset)


def examine(spool: Spool, new_spool: Callable[[], Spool], receipt: Receipt, limits: Limits) -> Examined | Failed:
    """Derive everything, or say why the object cannot be identified (PS3.18 10.5.3, Annex I.2.2)."""
    webs: list[Spool] = []
    try:
        examined = _examine(spool, new_spool, receipt, limits, webs)
    except (elements.Malformed, part10.NotDicom) as error:
        examined = Failed(None, None, FailureReason.CANNOT_UNDERSTAND, str(error))
    except BaseException:
        _close(webs)
        raise
    if isinstance(examined, Failed):
        _close(webs)
    return examined


def _examine(spool: Spool, new_spool: Callable[[], Spool], receipt: Receipt, limits: Limits, webs: list[Spool]) -> Examined | Failed:
    header = part10.read_header(spool)
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    if syntax.rewritten:
        webs.append(_filled(new_spool(), _rewritten(spool, header, limits)))
        reading = _read(webs[0], part10.read_header(webs[0]), limits)
    else:
        reading = _read(spool, header, limits)
    identity = _identify(reading)
    if isinstance(identity, Failed):
        return identity
    repairs = dict.fromkeys((*header.repairs, *reading.repairs))
    pieces = reading.pieces()
    if not webs and sum(len(piece) for piece in pieces if isinstance(piece, bytes)) > LITERAL_LIMIT:
        webs.append(_filled(new_spool(), _joined(spool, pieces)))
        reading = _read(webs[0], part10.read_header(webs[0]), limits)
        pieces = reading.pieces()
    target, sop_class = identity
    outgoing = explicit.outgoing(reading.spool, reading.header, reading.dataset)
    encoded = dicom_json.encode(reading.spool, reading.dataset, bulkdata_root=resources.retrieve_uri(target), transfer_syntax=outgoing)
    study, series, attributes = search_results.split(encoded.object)
    sentences = [repair.sentence for repair in repairs]
    sentences += [f"The value of ({tag[:4]},{tag[4:]}) does not fit its VR and is kept as it is" for tag in encoded.invalid[:20]]
    record = InstanceRecord(
        study_uid=Uid(target.study or ""),
        series_uid=Uid(target.series or ""),
        instance_uid=Uid(target.instance or ""),
        sop_class_uid=sop_class,
        transfer_syntax=header.transfer_syntax,
        blob=Blob(receipt.key, spool.size),
        digest=spool.digest,
        form=Form(receipt.web_key if webs else receipt.key, outgoing, sum(_length(piece) for piece in pieces), pieces),
        frames=frames.table(reading.spool, reading.dataset, outgoing),
        bulkdata=encoded.bulkdata,
        received=receipt.at,
        repairs=tuple(sentences),
        study=study,
        series=series,
        attributes=attributes,
        metadata=zlib.compress(encoded.text),
    )
    return Examined(record, webs[0] if webs else None)


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
    claimed = reading.header.meta.get(MEDIA_STORAGE_CLASS_UID, b"").rstrip(b"\0 ").decode("latin-1")
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


def _joined(spool: Spool, pieces: Iterable[bytes | Span]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            for offset in range(piece.offset, piece.end, CHUNK):
                yield spool.read(offset, min(CHUNK, piece.end - offset))


def _filled(spool: Spool, chunks: Iterable[bytes]) -> Spool:
    try:
        for chunk in chunks:
            spool.write(chunk)
    except BaseException:
        spool.close()
        raise
    return spool


def _length(piece: bytes | Span) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


def _close(spools: Iterable[Spool]) -> None:
    for spool in spools:
        spool.close()
