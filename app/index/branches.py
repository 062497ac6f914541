"""The study and series rows that a write touches: locked, read, changed in memory, and written back with counts and ready answers.

Lock order: studies by UID. A study's lock covers all that lies below it, so two writers of one study follow one another, and what is
counted under it is exact. SQLite has one writer at a time and needs no row locks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.dicomweb.search_results import merge, ready, series_computed, study_computed
from app.index import rows
from app.index.database import Raced
from app.index.tables import INSTANCE, SERIES, STUDY, VALUE
from app.index.upsert import insert_new
from app.index.visibility import one_of
from app.model import JsonObject, Level, Target, Uid


@dataclass(slots=True, eq=False)
class Branch:
    """A study or a series while it is written. `text` is its stored attributes, `attributes` the same parsed, once they are needed;
    `touched` if anything below it has changed, `changed` if its attributes have."""

    level: Level
    id: int
    uid: Uid
    text: str
    instances: int
    touched: bool = False
    changed: bool = False
    attributes: JsonObject | None = None

    def count(self, instances: int) -> None:
        """So many instances came, or went if it is negative."""
        self.instances += instances
        self.touched = True

    def merge(self, attributes: JsonObject, *, overwrite: bool) -> None:
        """Take in what an instance says of this level."""
        self.touched = True
        said = rows.dump(attributes)
        if said == self.text:
            return
        self.attributes = merge(json.loads(self.text) if self.attributes is None else self.attributes, attributes, overwrite=overwrite)
        merged = rows.dump(self.attributes)
        self.changed |= merged != self.text
        self.text = merged

    def parsed(self) -> JsonObject:
        if self.attributes is None:
            self.attributes = json.loads(self.text)
        return self.attributes


@dataclass(slots=True, eq=False)
class SeriesBranch(Branch):
    is_new: bool = False


@dataclass(slots=True, eq=False)
class StudyBranch(Branch):
    modalities: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    series: dict[Uid, SeriesBranch] = field(default_factory=dict)


def lock_studies(connection: Connection, uids: Collection[Uid]) -> dict[Uid, StudyBranch]:
    """The studies that exist among these, locked."""
    statement = (
        select(STUDY.c.id, STUDY.c.uid, STUDY.c.attributes, STUDY.c.instances, STUDY.c.modalities, STUDY.c.classes)
        .where(one_of(STUDY.c.uid, uids))
        .order_by(STUDY.c.uid)
        .with_for_update()
    )
    return {
        Uid(row.uid): StudyBranch(
            Level.STUDY,
            row.id,
            Uid(row.uid),
            row.attributes,
            row.instances,
            modalities=_split(row.modalities),
            classes=_split(row.classes),
        )
        for row in connection.execute(statement)
    }


def lock_or_make_studies(connection: Connection, uids: Collection[Uid]) -> dict[Uid, StudyBranch]:
    """All of these studies, locked; new ones are empty rows until `write_back`."""
    studies = lock_studies(connection, uids)
    missing = sorted(set(uids) - set(studies))
    if missing:
        for uid in missing:
            connection.execute(insert_new(connection, STUDY), {"uid": uid, **_EMPTY_STUDY})
        studies.update(lock_studies(connection, missing))
        if len(studies) < len(set(uids)):
            raise Raced
    return studies


def find_series(connection: Connection, study: StudyBranch, uids: Collection[Uid]) -> None:
    """Read these series of a locked study into its branch."""
    statement = select(SERIES.c.id, SERIES.c.uid, SERIES.c.attributes, SERIES.c.instances).where(
        SERIES.c.study_id == study.id, one_of(SERIES.c.uid, uids)
    )
    for row in connection.execute(statement):
        study.series[Uid(row.uid)] = SeriesBranch(Level.SERIES, row.id, Uid(row.uid), row.attributes, row.instances)


def find_or_make_series(connection: Connection, study: StudyBranch, uids: Collection[Uid]) -> None:
    find_series(connection, study, uids)
    for uid in sorted(set(uids) - set(study.series)):
        made = connection.execute(insert(SERIES).returning(SERIES.c.id), {"study_id": study.id, "uid": uid, **_EMPTY_SERIES}).scalar_one()
        study.series[uid] = SeriesBranch(Level.SERIES, made, uid, _EMPTY, 0, changed=True, is_new=True)


_EMPTY = "{}"
_EMPTY_SERIES: rows.Row = {"position": 0, "instances": 0, "attributes": _EMPTY, "ready": b""}
_EMPTY_STUDY: rows.Row = {"position": "", "series": 0, "instances": 0, "modalities": "", "classes": "", "attributes": _EMPTY, "ready": b""}


def write_back(connection: Connection, study: StudyBranch, added_classes: Collection[str] | None, site: SiteKeys) -> None:
    """Bring rows, counts, computed lists, values and ready answers of the study and its touched series up to date; drop empty ones.

    `added_classes` are SOP Classes that came to the study; None if some may have gone, which costs a look at all of its instances.
    """
    for series in study.series.values():
        _write_series(connection, study, series, site)
    if study.instances == 0:
        _drop(connection, STUDY, study)
    elif study.touched:
        _write_study(connection, study, added_classes, site)


def _write_study(connection: Connection, study: StudyBranch, added_classes: Collection[str] | None, site: SiteKeys) -> None:
    count, modalities = _below(connection, study)
    classes = _classes(connection, study) if added_classes is None else sorted({*study.classes, *added_classes})
    values: rows.Row = {"series": count, "instances": study.instances, "modalities": _join(modalities), "classes": _join(classes)}
    if study.changed:
        values |= {"attributes": study.text, **rows.key_columns(Level.STUDY, study.parsed())}
    values["ready"] = ready(
        Level.STUDY,
        study.parsed(),
        computed=study_computed(modalities, count, study.instances, classes),
        retrieve_uri=rows.retrieve_uri(Target(study.uid)),
    )
    connection.execute(update(STUDY).where(STUDY.c.id == study.id), values)
    if study.changed or modalities != study.modalities or classes != study.classes:
        computed = rows.computed_rows(study.id, rows.MODALITIES_IN_STUDY, modalities)
        computed += rows.computed_rows(study.id, rows.SOP_CLASSES_IN_STUDY, classes)
        replace_values(connection, Level.STUDY, study.id, rows.value_rows(Level.STUDY, study.id, study.parsed(), site) + computed)


def _write_series(connection: Connection, study: StudyBranch, series: SeriesBranch, site: SiteKeys) -> None:
    if series.instances == 0:
        _drop(connection, SERIES, series)
        return
    if not series.touched:
        return
    values: rows.Row = {"instances": series.instances}
    if series.changed:
        values |= {"attributes": series.text, **rows.key_columns(Level.SERIES, series.parsed())}
        own = rows.value_rows(Level.SERIES, series.id, series.parsed(), site)
        replace_values(connection, Level.SERIES, series.id, own, fresh=series.is_new)
    values["ready"] = ready(
        Level.SERIES,
        series.parsed(),
        computed=series_computed(study.uid, series.instances),
        retrieve_uri=rows.retrieve_uri(Target(study.uid, series.uid)),
    )
    connection.execute(update(SERIES).where(SERIES.c.id == series.id), values)


def replace_values(connection: Connection, level: Level, owner: int, values: Sequence[rows.Row], *, fresh: bool = False) -> None:
    """These rows of `attribute_value` in the place of the owner's old ones; `fresh` if there are none."""
    if not fresh:
        connection.execute(delete(VALUE).where(VALUE.c.level == DEPTH[level], VALUE.c.owner == owner))
    if values:
        connection.execute(insert(VALUE), list(values))


def _drop(connection: Connection, table: Table, branch: Branch) -> None:
    replace_values(connection, branch.level, branch.id, ())
    connection.execute(delete(table).where(table.c.id == branch.id))


def _below(connection: Connection, study: StudyBranch) -> tuple[int, list[str]]:
    statement = select(SERIES.c.modality, func.count()).where(SERIES.c.study_id == study.id).group_by(SERIES.c.modality)
    found: list[tuple[Any, int]] = [(row[0], row[1]) for row in connection.execute(statement)]
    return sum(count for _, count in found), sorted(modality for modality, _ in found if modality)


def _classes(connection: Connection, study: StudyBranch) -> list[str]:
    statement = select(INSTANCE.c.sop_class_uid).join(SERIES).where(SERIES.c.study_id == study.id).distinct()
    return sorted(connection.scalars(statement))


def _join(values: Sequence[str]) -> str:
    return "\\".join(values)


def _split(values: str) -> list[str]:
    return values.split("\\") if values else []
