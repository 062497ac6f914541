"""From records and attributes to the values of rows, and from rows back to records. Runs no statement.

Normal forms come from `dicomweb.search_keys`, which bounds them and frees them of what a database cannot hold.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.dicomweb.search_keys import utc_offset
from app.dicomweb.search_results import columns, indexed_values, instance_computed, ready, split
from app.index import documents
from app.index.tables import LAST, OWN
from app.model import Blob, Form, InstanceRecord, JsonObject, Level, Target, Uid

Row = dict[str, Any]

SEPARATOR = "\x1f"
MODALITIES_IN_STUDY = "00080061"
SOP_CLASSES_IN_STUDY = "00080062"


def dump(attributes: JsonObject) -> str:
    """The stored text of a level's attributes: ASCII only, so that any database holds any character of it."""
    return json.dumps(attributes, separators=(",", ":"), sort_keys=True)


def key_columns(level: Level, attributes: JsonObject) -> Row:
    """The level's own columns for matching, and its position; the columns which identify the row come from the record."""
    found = columns(level, attributes)
    row: Row = {name: value for name, value in found.items() if name not in OWN}
    row["utc_offset"] = utc_offset(attributes)
    if level is not Level.STUDY:
        return row | {"position": _numbered_position(found[f"{level.value}_number"])}
    return row | {"position": _study_position(found), "patient": patient(found["patient_id"], found["issuer_of_patient_id"])}


def patient(patient_id: Any, issuer: Any) -> str | None:
    """What tells a patient from others; None if that cannot be told."""
    return None if patient_id is None else f"{patient_id}{SEPARATOR}{issuer or ''}"


def _study_position(found: Mapping[str, Any]) -> str:
    return f"{found['study_date'] or '':8}{found['study_time'] or ''}"


def _numbered_position(number: Any) -> int:
    return LAST if number is None else int(number)


def value_rows(level: Level, owner: int, attributes: JsonObject, site: SiteKeys) -> list[Row]:
    """The rows of `attribute_value` for one owner."""
    return [_value_row(level, owner, value.path, value.item, value.value) for value in indexed_values(level, attributes, site)]


def parsed(stored: str | bytes) -> JsonObject:
    """Attributes from their text, or a whole Metadata; not strict, because BASE_MARK stands in it as it is."""
    text = inflated(stored) if isinstance(stored, bytes) else stored
    found: JsonObject = json.loads(text, strict=False)
    return found


def inflated(metadata: bytes) -> str:
    """The text of a stored Metadata."""
    return zlib.decompress(metadata).decode("utf-8")


def with_site_keys(record: InstanceRecord, site: SiteKeys) -> InstanceRecord:
    """The record with what the site's keys need of it at each level, from its Metadata."""
    if not site.keys:
        return record
    study, series, attributes = split(parsed(record.metadata), site)
    return replace(record, study=study, series=series, attributes=attributes)


def computed_rows(owner: int, path: str, values: Iterable[str]) -> list[Row]:
    """The rows of a list that a study computes from what lies below it."""
    return [_value_row(Level.STUDY, owner, path, 0, value) for value in values]


def _value_row(level: Level, owner: int, path: str, item: int, value: str) -> Row:
    return {"level": DEPTH[level], "owner": owner, "path": path, "item": item, "value": value}


def retrieve_uri(target: Target) -> str:
    """The address of a resource below the service's base URL."""
    named = (("studies", target.study), ("series", target.series), ("instances", target.instance))
    return "".join(f"/{name}/{uid}" for name, uid in named if uid is not None)


def instance_row(record: InstanceRecord) -> Row:
    """All columns of `instance` but the ids and `weight`."""
    return {
        **key_columns(Level.INSTANCE, record.attributes),
        "uid": record.instance_uid,
        "sop_class_uid": record.sop_class_uid,
        "transfer_syntax": record.transfer_syntax,
        "digest": record.digest,
        "blob_key": record.blob.key,
        "blob_size": record.blob.size,
        "blob_modified": record.blob.modified,
        "form_key": record.form.key,
        "received": record.received,
        "ready": ready(
            Level.INSTANCE,
            record.attributes,
            computed=instance_computed(record.study_uid, record.series_uid),
            retrieve_uri=retrieve_uri(record.target),
        ),
    }


def document_row(record: InstanceRecord) -> Row:
    """All columns of `instance_document` but the id."""
    return {
        "form": documents.write_form(record.form),
        "repairs": json.dumps(record.repairs),
        "bulkdata": documents.write_bulkdata(record.bulkdata),
        "frames": documents.write_frames(record.frames),
        "metadata": record.metadata,
    }


def weight(document: Row) -> int:
    """The size in bytes of a document row: pages of rows are bounded by it."""
    return sum(len(value) for value in document.values())


def record_as_far_as_legible(row: RowMapping | sqlite3.Row) -> InstanceRecord:
    """As `record`; of a row whose documents are damaged, what identifies the instance and its blobs."""
    try:
        return record(row)
    except (ValueError, struct.error, LookupError, TypeError, zlib.error):
        form = Form(row["form_key"], Uid(row["transfer_syntax"]), 0, ())
        identity = Uid(row["study_uid"]), Uid(row["series_uid"]), Uid(row["uid"]), Uid(row["sop_class_uid"]), Uid(row["transfer_syntax"])
        blob = Blob(row["blob_key"], row["blob_size"], row["blob_modified"])
        return InstanceRecord(*identity, blob, row["digest"], form, received=row["received"], quarantined=row["quarantined"] is not None)


def record(row: RowMapping | sqlite3.Row) -> InstanceRecord:
    """A record from a row of `lookup.RECORD`, without the attributes and the metadata."""
    return InstanceRecord(
        study_uid=Uid(row["study_uid"]),
        series_uid=Uid(row["series_uid"]),
        instance_uid=Uid(row["uid"]),
        sop_class_uid=Uid(row["sop_class_uid"]),
        transfer_syntax=Uid(row["transfer_syntax"]),
        blob=Blob(row["blob_key"], row["blob_size"], row["blob_modified"]),
        digest=row["digest"],
        form=documents.read_form(row["form"]),
        frames=documents.read_frames(row["frames"]),
        bulkdata=documents.read_bulkdata(row["bulkdata"]),
        received=row["received"],
        repairs=tuple(json.loads(row["repairs"])),
        quarantined=row["quarantined"] is not None,
    )


def record_weight(record: InstanceRecord) -> int:
    """About how many bytes of memory a record from `record` takes."""
    literals = sum(len(piece) for piece in record.form.pieces if isinstance(piece, bytes))
    return 2048 + len(record.frames.entries) + literals + 256 * len(record.bulkdata)
