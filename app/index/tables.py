"""The tables of the index: what lies in the database, and by which keys it is found. Nothing here runs a statement.

Three tables are the information model (PS3.4 C.6.2.1). Each has one column for every single-valued key of `dicom.attributes.KEYS` of its
level, in the normal form of `dicom.values`; names, multi-valued and nested keys stand in `attribute_value`. `position` is never null, so
that the order of answers is the order of one unique index. What a search never reads (`instance_document`) is apart from what it does.

Invariant: a series row has at least one instance, a study row at least one series; counts and ready answers tell of the same commit.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from app.dicom.attributes import DEPTH, KEYS, Key, Kind
from app.model import Level

BIG = BigInteger().with_variant(Integer(), "sqlite")
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
REAL = Float().with_variant(Double(), "postgresql")

LAST = 2**63 - 1
"""The position of a series or an instance without a number: after all others."""


def _id() -> Column[int]:
    return Column(BIG, primary_key=True, autoincrement=True)


def _text() -> Column[str]:
    return Column(TEXT, nullable=False)


def _number() -> Column[int]:
    return Column(BIG, nullable=False)


def _seconds() -> Column[float]:
    return Column(REAL, nullable=False)


def _minutes() -> Column[int]:
    """The Timezone Offset From UTC of the row's own dates and times."""
    return Column(Integer, nullable=True)


def _bytes() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


def _parent(name: str) -> Column[int]:
    return Column(BIG, ForeignKey(f"{name}.id"), nullable=False)


class StudyRow(SQLModel, table=True):
    """One study. `position` is date and time, fixed in width; `modalities` and `classes` are lists joined by a backslash. `patient` tells
    patients apart: PatientID and IssuerOfPatientID around a unit separator; null without a PatientID."""

    __tablename__ = "study"
    __table_args__ = (UniqueConstraint("uid", name="study_uid"),)

    id: int = Field(sa_column=_id())
    uid: str = Field(sa_column=_text())
    position: str = Field(sa_column=_text())
    series: int = Field(sa_column=_number())
    instances: int = Field(sa_column=_number())
    modalities: str = Field(sa_column=_text())
    classes: str = Field(sa_column=_text())
    patient: str | None = Field(sa_column=Column(TEXT, nullable=True))
    utc_offset: int | None = Field(sa_column=_minutes())
    attributes: str = Field(sa_column=_text())
    ready: bytes = Field(sa_column=_bytes())


class SeriesRow(SQLModel, table=True):
    """One series of one study; `position` is its number."""

    __tablename__ = "series"
    __table_args__ = (
        UniqueConstraint("study_id", "uid", name="series_study_uid"),
        UniqueConstraint("study_id", "position", "uid", name="series_position"),
    )

    id: int = Field(sa_column=_id())
    study_id: int = Field(sa_column=_parent("study"))
    uid: str = Field(sa_column=_text())
    position: int = Field(sa_column=_number())
    instances: int = Field(sa_column=_number())
    utc_offset: int | None = Field(sa_column=_minutes())
    attributes: str = Field(sa_column=_text())
    ready: bytes = Field(sa_column=_bytes())


class InstanceRow(SQLModel, table=True):
    """One instance: what identifies it and where its bytes lie. `weight` is the size of its document in bytes, `quarantined` since when
    its bytes are known to be damaged or gone."""

    __tablename__ = "instance"
    __table_args__ = (
        UniqueConstraint("uid", name="instance_uid"),
        UniqueConstraint("series_id", "position", "uid", name="instance_position"),
    )

    id: int = Field(sa_column=_id())
    series_id: int = Field(sa_column=_parent("series"))
    uid: str = Field(sa_column=_text())
    position: int = Field(sa_column=_number())
    utc_offset: int | None = Field(sa_column=_minutes())
    sop_class_uid: str = Field(sa_column=_text())
    transfer_syntax: str = Field(sa_column=_text())
    digest: str = Field(sa_column=_text())
    blob_key: str = Field(sa_column=_text())
    blob_size: int = Field(sa_column=_number())
    blob_modified: float = Field(sa_column=_seconds())
    form_key: str = Field(sa_column=_text())
    received: float = Field(sa_column=_seconds())
    quarantined: float | None = Field(sa_column=Column(REAL, nullable=True))
    weight: int = Field(sa_column=_number())
    ready: bytes = Field(sa_column=_bytes())


class DocumentRow(SQLModel, table=True):
    """The long values of an instance, each in the encoding of `documents.py`; the longest one last."""

    __tablename__ = "instance_document"

    instance_id: int = Field(sa_column=Column(BIG, ForeignKey("instance.id"), primary_key=True, autoincrement=False))
    form: bytes = Field(sa_column=_bytes())
    repairs: str = Field(sa_column=_text())
    bulkdata: bytes = Field(sa_column=_bytes())
    frames: bytes = Field(sa_column=_bytes())
    metadata_: bytes = Field(sa_column=Column("metadata", LargeBinary, nullable=False))


class ValueRow(SQLModel, table=True):
    """One value of a key without a column: `path` is its tags joined by dots, `item` the number of its sequence item."""

    __tablename__ = "attribute_value"
    __table_args__: ClassVar[tuple[Index, ...]] = (
        Index("attribute_value_match", "path", "value", "level", "owner", "item"),
        Index("attribute_value_owner", "level", "owner"),
    )

    id: int = Field(sa_column=_id())
    level: int = Field(sa_column=Column(Integer, nullable=False))
    owner: int = Field(sa_column=_number())
    path: str = Field(sa_column=_text())
    item: int = Field(sa_column=Column(Integer, nullable=False))
    value: str = Field(sa_column=_text())


class ChangeRow(SQLModel, table=True):
    """One entry of the change feed. Sequences are handed out and committed in the same order (`changes.append`)."""

    __tablename__ = "change"
    __table_args__: ClassVar[tuple[Index, dict[str, bool]]] = (
        Index("change_target", "study_uid", "series_uid", "instance_uid"),
        {"sqlite_autoincrement": True},
    )

    sequence: int = Field(sa_column=_id())
    kind: str = Field(sa_column=_text())
    study_uid: str = Field(sa_column=_text())
    series_uid: str = Field(sa_column=_text())
    instance_uid: str = Field(sa_column=_text())
    digest: str = Field(sa_column=_text())
    at: float = Field(sa_column=_seconds())


class UnusedBlobRow(SQLModel, table=True):
    """A key whose blob no row refers to any more, until the blob is gone from the store.

    `reason` is a `model.Loss`. Of what was deleted or replaced the UIDs are known, the `digest` with the blob as received only; `marker`
    is the key of the record of the deletion in the blob store. What is `claimed` is being deleted: no row may take it into use again.
    """

    __tablename__ = "unused_blob"

    key: str = Field(sa_column=Column(TEXT, primary_key=True))
    since: float = Field(sa_column=_seconds())
    reason: str = Field(sa_column=Column(TEXT, nullable=False, server_default="spare"))
    claimed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    study_uid: str | None = Field(sa_column=Column(TEXT, nullable=True))
    series_uid: str | None = Field(sa_column=Column(TEXT, nullable=True))
    instance_uid: str | None = Field(sa_column=Column(TEXT, nullable=True))
    digest: str | None = Field(sa_column=Column(TEXT, nullable=True))
    marker: str | None = Field(sa_column=Column(TEXT, nullable=True))


class UpkeepRow(SQLModel, table=True):
    """A piece of background work: whoever has it has it `until` then; `position` is how far it has come."""

    __tablename__ = "upkeep"

    name: str = Field(sa_column=Column(TEXT, primary_key=True))
    until: float = Field(sa_column=_seconds())
    position: str = Field(sa_column=_text())


class FilledKeyRow(SQLModel, table=True):
    """A search key of the site whose values are there for all that is stored; `name` as `site_keys.name_of` gives it."""

    __tablename__ = "filled_key"

    name: str = Field(sa_column=Column(TEXT, primary_key=True))


class WebhookRow(SQLModel, table=True):
    """A place that is told of changes, and how far that has come: `feed.Webhook`. `kinds` with commas; none for all."""

    __tablename__ = "webhook"

    name: str = Field(sa_column=Column(TEXT, primary_key=True))
    url: str = Field(sa_column=_text())
    secret: str = Field(sa_column=_text())
    kinds: str = Field(sa_column=_text())
    batch: int = Field(sa_column=_number())
    position: int = Field(sa_column=_number())
    attempts: int = Field(sa_column=_number())
    failing_since: float = Field(sa_column=_seconds())
    next_try: float = Field(sa_column=_seconds())
    trouble: str = Field(sa_column=_text())


class UndeliveredRow(SQLModel, table=True):
    """What a webhook was not told of in spite of all attempts: `feed.Undelivered`."""

    __tablename__ = "undelivered"

    number: int = Field(sa_column=_id())
    webhook: str = Field(sa_column=_text())
    first: int = Field(sa_column=_number())
    last: int = Field(sa_column=_number())
    attempts: int = Field(sa_column=_number())
    since: float = Field(sa_column=_seconds())
    trouble: str = Field(sa_column=_text())


class ApiKeyRow(SQLModel, table=True):
    """An API key: `credentials.ApiKey`. `scopes` and `roles` with spaces."""

    __tablename__ = "api_key"

    prefix: str = Field(sa_column=Column(TEXT, primary_key=True))
    digest: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    scopes: str = Field(sa_column=_text())
    roles: str = Field(sa_column=_text())
    created: float = Field(sa_column=_seconds())
    expires: float | None = Field(sa_column=Column(REAL, nullable=True))
    used: float | None = Field(sa_column=Column(REAL, nullable=True))
    revoked: float | None = Field(sa_column=Column(REAL, nullable=True))


class LabelRow(SQLModel, table=True):
    """A label of a study (`labels`)."""

    __tablename__ = "study_label"
    __table_args__: ClassVar[tuple[Index, ...]] = (Index("study_label_label", "label", "study_uid"),)

    study_uid: str = Field(sa_column=Column(TEXT, primary_key=True))
    label: str = Field(sa_column=Column(TEXT, primary_key=True))


def _table(row: type[SQLModel]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]  # set by SQLModel's metaclass


STUDY = _table(StudyRow)
SERIES = _table(SeriesRow)
INSTANCE = _table(InstanceRow)
DOCUMENT = _table(DocumentRow)
VALUE = _table(ValueRow)
CHANGE = _table(ChangeRow)
UNUSED_BLOB = _table(UnusedBlobRow)
UPKEEP = _table(UpkeepRow)
FILLED_KEY = _table(FilledKeyRow)
WEBHOOK = _table(WebhookRow)
UNDELIVERED = _table(UndeliveredRow)
API_KEY = _table(ApiKeyRow)
LABEL = _table(LabelRow)

LEVELS = {Level.STUDY: STUDY, Level.SERIES: SERIES, Level.INSTANCE: INSTANCE}


OWN = {
    "study_instance_uid": "uid",
    "series_instance_uid": "uid",
    "sop_instance_uid": "uid",
    "sop_class_uid": "sop_class_uid",
}
"""Keys whose column the row has for its own sake, by `Key.column`."""

_TYPES: dict[Kind, TypeEngine[str] | TypeEngine[int] | TypeEngine[float]] = {Kind.INTEGER: BIG, Kind.DECIMAL: REAL}


def key_column(key: Key) -> Column[Any]:
    """The column in which a key's values stand; KeyError if it has none."""
    return LEVELS[key.level].c[OWN.get(key.column or "", key.column or "")]


def own_values(table: Any, level: Level, owner: ColumnElement[int], path: str) -> ColumnElement[bool]:
    """One owner's rows of `attribute_value`, or of an alias of it, under a path, by the b-tree of owners.

    The path is written as an expression, for SQLite would take the b-tree of all values of the path, and look through them for each owner.
    """
    return and_(table.c.level == DEPTH[level], table.c.owner == owner, table.c.path.concat("") == path)


def _add_key_columns() -> None:
    """One column and one b-tree for each key. Absent values stay out of the b-tree, for every match that it serves excludes them."""
    for key in KEYS:
        if key.column is None:
            continue
        if key.column not in OWN:
            LEVELS[key.level].append_column(Column(key.column, _TYPES.get(key.kind, TEXT), nullable=True))
        column = key_column(key)
        if column.name == "uid" and key.level is not Level.SERIES:
            continue
        present = column.is_not(None) if column.nullable else None
        Index(f"{column.table.name}_{column.name}_key", column, sqlite_where=present, postgresql_where=present)


_add_key_columns()
Index("study_position", STUDY.c.position.desc(), STUDY.c.uid.desc(), unique=True)
Index("study_patient", STUDY.c.patient, sqlite_where=STUDY.c.patient.is_not(None), postgresql_where=STUDY.c.patient.is_not(None))


def _add_partial(name: str, column: Any, present: ColumnElement[bool]) -> None:
    Index(name, column, sqlite_where=present, postgresql_where=present)


_add_partial("unused_blob_study", UNUSED_BLOB.c.study_uid, UNUSED_BLOB.c.study_uid.is_not(None))
_add_partial("unused_blob_marker", UNUSED_BLOB.c.marker, UNUSED_BLOB.c.marker.is_not(None))
Index("unused_blob_since", UNUSED_BLOB.c.since)
_add_partial("instance_quarantined", INSTANCE.c.quarantined, INSTANCE.c.quarantined.is_not(None))
Index("instance_blob_key", INSTANCE.c.blob_key)
_add_partial("instance_form_key", INSTANCE.c.form_key, INSTANCE.c.form_key != INSTANCE.c.blob_key)
