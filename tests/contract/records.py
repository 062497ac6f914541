"""Instance records for tests of the index: made directly, without any DICOM bytes, from keywords and values."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from app.dicom.attributes import SHARED, level_of, tag, vr_of
from app.model import BASE_MARK, Blob, Bulkdata, Form, FrameTable, InstanceRecord, JsonObject, Level, Span, Uid

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT = "1.2.840.10008.1.2.1"


def element(name: str, value: Any) -> JsonObject:
    """The DICOM JSON element of a keyword; a list is several values, None is an empty element, a dict is an item."""
    vr = vr_of(tag(name))
    values = [item(v) if vr == "SQ" else _name(v) if vr == "PN" and isinstance(v, str) else v for v in _listed(value)]
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _name(text: str) -> JsonObject:
    return dict(zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False))


def item(values: dict[str, Any]) -> JsonObject:
    return {tag(name): element(name, value) for name, value in values.items()}


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def record(
    study: str,
    series: str,
    instance: str,
    /,
    *,
    content: str = "",
    sop_class: str = CT,
    key: str = "",
    private: JsonObject | None = None,
    **values: Any,
) -> InstanceRecord:
    """One instance. `values` are attributes by keyword, each at its own level; other `content` makes other bytes under the same UID.

    `private` are private elements as DICOM JSON.
    """
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": instance, "SOPClassUID": sop_class}
    parts: dict[Level, JsonObject] = {level: {} for level in Level}
    for name, value in {**uids, **values}.items():
        parts[level_of(tag(name))][tag(name)] = element(name, value)
    parts[Level.INSTANCE] |= private or {}
    for name in SHARED:
        if name in parts[Level.INSTANCE]:
            parts[Level.STUDY][name] = parts[Level.SERIES][name] = parts[Level.INSTANCE][name]
    whole = parts[Level.STUDY] | parts[Level.SERIES] | parts[Level.INSTANCE]
    digest = hashlib.sha256(f"{instance}{content}".encode()).hexdigest()
    blob = Blob(key or f"blob-{instance}-{content}", 1000, 12.5)
    return InstanceRecord(
        study_uid=Uid(study),
        series_uid=Uid(series),
        instance_uid=Uid(instance),
        sop_class_uid=Uid(sop_class),
        transfer_syntax=Uid(EXPLICIT),
        blob=blob,
        digest=digest,
        form=Form(f"form-{instance}-{content}", Uid(EXPLICIT), 900, (b"\x00\xffDICM", Span(132, 800), b"\x01")),
        frames=FrameTable(2, 700, 12, bytes(range(32)), True, False),
        bulkdata=(Bulkdata("7FE00010", "OW", Span(700, 64)), Bulkdata("54000100/1/54001010", "OW", Span(10, 4), "image/jpeg", True)),
        received=99.25,
        repairs=("no preamble",),
        study=parts[Level.STUDY],
        series=parts[Level.SERIES],
        attributes=parts[Level.INSTANCE],
        metadata=metadata(whole),
    )


def metadata(attributes: JsonObject) -> bytes:
    """Stored Metadata as ingest writes it, with one BulkDataURI."""
    text = json.dumps(dict(sorted((attributes | {"7FE00010": {"vr": "OW", "BulkDataURI": "@/bulk"}}).items())), ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "replace").replace(b'"@/bulk"', b'"' + BASE_MARK + b'/bulk"'))
