"""Whether rows say what they should: an instance's against what its bytes give today, a study's counts against what lies below it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.dicomweb.search_results import ready, series_computed, study_computed
from app.index import rows
from app.index.branches import split_list
from app.index.tables import DOCUMENT, INSTANCE, SERIES, STUDY, VALUE
from app.model import InstanceRecord, Level, Target, Uid

STUDIES = 200
_APART = {"metadata", "weight"}


def differing(connection: Connection, record: InstanceRecord, site: SiteKeys) -> tuple[str, ...]:
    """The names of columns that differ from what `record`, derived from the bytes, gives; nothing if there is no such row any more."""
    statement = (
        select(INSTANCE, DOCUMENT, STUDY.c.uid.label("study_uid"), SERIES.c.uid.label("series_uid"))
        .select_from(INSTANCE.join(SERIES).join(STUDY).join(DOCUMENT))
        .where(INSTANCE.c.uid == record.instance_uid, INSTANCE.c.blob_key == record.blob.key)
    )
    stored = connection.execute(statement).mappings().one_or_none()
    if stored is None:
        return ()
    expected: dict[str, Any] = {
        **rows.instance_row(record),
        **rows.document_row(record),
        "study_uid": record.study_uid,
        "series_uid": record.series_uid,
    }
    found = [name for name, value in expected.items() if name not in _APART and stored[name] != value]
    if _text(stored["metadata"]) != _text(record.metadata):
        found.append("metadata")
    own = rows.value_rows(Level.INSTANCE, stored["id"], record.attributes, site)
    if sorted(map(_value, own)) != sorted(map(_value, _values(connection, stored["id"]))):
        found.append("values")
    return tuple(sorted(found))


def _text(metadata: bytes) -> bytes:
    """The text itself: another release of zlib packs it otherwise."""
    try:
        return zlib.decompress(metadata)
    except zlib.error:
        return b"damaged"


def _values(connection: Connection, owner: int) -> list[rows.Row]:
    own = VALUE.c.level == DEPTH[Level.INSTANCE], VALUE.c.owner == owner
    return [dict(row) for row in connection.execute(select(VALUE).where(*own)).mappings()]


def _value(row: rows.Row) -> tuple[str, int, str]:
    return row["path"], row["item"], row["value"]


def miscounted(connection: Connection, after: str) -> tuple[list[Uid], str | None]:
    """Of the next studies by UID, those whose counts, lists or ready answers are not what lies below them; and where to go on."""
    statement = select(STUDY).where(STUDY.c.uid > after).order_by(STUDY.c.uid).limit(STUDIES)
    page = connection.execute(statement).mappings().all()
    wrong = [Uid(study["uid"]) for study in page if not _sound(connection, study)]
    return wrong, page[-1]["uid"] if page else None


def _sound(connection: Connection, study: Any) -> bool:
    columns = (SERIES.c.uid, SERIES.c.modality, SERIES.c.instances, SERIES.c.attributes, SERIES.c.ready)
    counted = select(*columns, func.count(INSTANCE.c.id).label("count")).outerjoin(INSTANCE)
    counted = counted.where(SERIES.c.study_id == study["id"]).group_by(SERIES.c.id)
    series = connection.execute(counted).mappings().all()
    uid, total = Uid(study["uid"]), sum(one["count"] for one in series)
    modalities = sorted({one["modality"] for one in series if one["modality"]})
    if (study["series"], study["instances"], split_list(study["modalities"])) != (len(series), total, modalities):
        return False
    classes = split_list(study["classes"])
    computed = study_computed(modalities, len(series), total, classes)
    uri = rows.retrieve_uri(Target(uid))
    if not _alike(study["ready"], ready(Level.STUDY, rows.parsed(study["attributes"]), computed=computed, retrieve_uri=uri)):
        return False
    return classes == _classes_of(connection, study["id"]) and all(_sound_series(uid, one) for one in series)


def _alike(stored: bytes, expected: bytes) -> bool:
    """Ready answers that say the same: the order of names in them is that of the writing."""
    try:
        return stored == expected or bool(json.loads(stored, strict=False) == json.loads(expected, strict=False))
    except ValueError:
        return False


def _sound_series(study: Uid, series: Any) -> bool:
    expected = ready(
        Level.SERIES,
        rows.parsed(series["attributes"]),
        computed=series_computed(study, series["count"]),
        retrieve_uri=rows.retrieve_uri(Target(study, Uid(series["uid"]))),
    )
    return bool(series["instances"] == series["count"] > 0 and _alike(series["ready"], expected))


def _classes_of(connection: Connection, study: int) -> Sequence[str]:
    statement = select(INSTANCE.c.sop_class_uid).join(SERIES).where(SERIES.c.study_id == study).distinct()
    return sorted(connection.scalars(statement))
