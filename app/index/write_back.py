"""What a write has changed of studies and series, brought to their rows: counts, computed lists, single values, ready answers.

As few statements as there are kinds of change, however many rows: all are gathered first, then written table by table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.dicomweb.search_results import ready, series_computed, study_computed
from app.index import bulk, rows
from app.index.branches import Branch, SeriesBranch, StudyBranch
from app.index.tables import INSTANCE, SERIES, STUDY, VALUE
from app.model import Level, Target

PORTION = 500
"""Ids that one statement names."""


@dataclass(slots=True, eq=False)
class Values:
    """Rows of `attribute_value` that are to be written, and owners whose old rows are to go first."""

    stale: dict[Level, list[int]] = field(default_factory=dict)
    fresh: list[rows.Row] = field(default_factory=list)

    def replace(self, level: Level, owner: int, values: Iterable[rows.Row], *, is_new: bool = False) -> None:
        """These in the place of the owner's old ones; `is_new` if there are none."""
        if not is_new:
            self.stale.setdefault(level, []).append(owner)
        self.fresh += values

    def write(self, connection: Connection) -> None:
        for level, owners in self.stale.items():
            for some in portions(owners):
                connection.execute(delete(VALUE).where(VALUE.c.level == DEPTH[level], VALUE.c.owner.in_(some)))
        bulk.insert_rows(connection, VALUE, self.fresh)


def write_back(connection: Connection, studies: Collection[StudyBranch], site: SiteKeys, values: Values) -> None:
    """Bring the studies and their touched series up to date, and drop those that are empty; `values` is to be written afterwards."""
    series = [(study, branch) for study in studies for branch in study.series.values()]
    # The values of what is new are whole before its row is there: nothing below it says anything that was not said to it.
    new = [(study, branch) for study, branch in series if branch.is_new and branch.instances]
    bulk.insert_rows(connection, SERIES, [_new_series(study, branch) for study, branch in new])
    old = [(study, branch) for study, branch in series if branch.touched and not branch.is_new and branch.instances]
    bulk.update_rows(connection, SERIES, [(branch.id, _series(study, branch)) for study, branch in old])
    for _, branch in new + old:
        if branch.changed:
            values.replace(Level.SERIES, branch.id, rows.value_rows(Level.SERIES, branch.id, branch.parsed(), site), is_new=branch.is_new)
    _drop(connection, SERIES, [branch for _, branch in series if not branch.instances and not branch.is_new], values)
    touched = [study for study in studies if study.touched and study.instances]
    bulk.update_rows(connection, STUDY, [(study.id, _study(connection, study, site, values)) for study in touched])
    _drop(connection, STUDY, [study for study in studies if not study.instances], values)


def portions(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + PORTION] for start in range(0, len(ids), PORTION)]


def _new_series(study: StudyBranch, series: SeriesBranch) -> rows.Row:
    return {"id": series.id, "study_id": study.id, "uid": series.uid, **_series(study, series)}


def _series(study: StudyBranch, series: SeriesBranch) -> rows.Row:
    own: rows.Row = {"attributes": series.text, **rows.key_columns(Level.SERIES, series.parsed())} if series.changed else {}
    uri = rows.retrieve_uri(Target(study.uid, series.uid))
    computed = series_computed(study.uid, series.instances)
    return own | {
        "instances": series.instances,
        "ready": ready(Level.SERIES, series.parsed(), computed=computed, retrieve_uri=uri),
    }


def _study(connection: Connection, study: StudyBranch, site: SiteKeys, values: Values) -> rows.Row:
    count, modalities = _below(connection, study)
    classes = _classes(connection, study) if study.lost else sorted({*study.classes, *study.added_classes})
    if study.changed or modalities != study.modalities or classes != study.classes:
        computed = rows.computed_rows(study.id, rows.MODALITIES_IN_STUDY, modalities)
        computed += rows.computed_rows(study.id, rows.SOP_CLASSES_IN_STUDY, classes)
        own = rows.value_rows(Level.STUDY, study.id, study.parsed(), site)
        values.replace(Level.STUDY, study.id, own + computed, is_new=study.is_new)
    changed: rows.Row = {"attributes": study.text, **rows.key_columns(Level.STUDY, study.parsed())} if study.changed else {}
    return changed | {
        "series": count,
        "instances": study.instances,
        "modalities": _join(modalities),
        "classes": _join(classes),
        "ready": ready(
            Level.STUDY,
            study.parsed(),
            computed=study_computed(modalities, count, study.instances, classes),
            retrieve_uri=rows.retrieve_uri(Target(study.uid)),
        ),
    }


def _below(connection: Connection, study: StudyBranch) -> tuple[int, list[str]]:
    """How many series there are, and their modalities: read only if a series that was there has gone or says something else now."""
    new = [series for series in study.series.values() if series.is_new and series.instances]
    if not study.lost and not any(series.changed for series in study.series.values() if not series.is_new):
        told = (rows.key_columns(Level.SERIES, series.parsed())["modality"] for series in new)
        return study.series_count + len(new), sorted({*study.modalities, *filter(None, told)})
    statement = select(SERIES.c.modality, func.count()).where(SERIES.c.study_id == study.id).group_by(SERIES.c.modality)
    found: list[tuple[Any, int]] = [(row[0], row[1]) for row in connection.execute(statement)]
    return sum(count for _, count in found), sorted(modality for modality, _ in found if modality)


def _classes(connection: Connection, study: StudyBranch) -> list[str]:
    statement = select(INSTANCE.c.sop_class_uid).join(SERIES).where(SERIES.c.study_id == study.id).distinct()
    return sorted(connection.scalars(statement))


def _drop(connection: Connection, table: Table, branches: Sequence[Branch], values: Values) -> None:
    for branch in branches:
        values.replace(branch.level, branch.id, ())
    for some in portions([branch.id for branch in branches]):
        connection.execute(delete(table).where(table.c.id.in_(some)))


def _join(values: Sequence[str]) -> str:
    return "\\".join(values)
