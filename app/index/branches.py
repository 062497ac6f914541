"""The study and series rows that a write touches: locked, read, and changed in memory; `write_back` brings them to the database.

Lock order: studies by UID. A study's lock covers all that lies below it, so two writers of one study follow one another, and what is
counted under it is exact. SQLite has one writer at a time and needs no row locks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from app.dicomweb.search_results import merge
from app.index import bulk, rows
from app.index.database import Raced
from app.index.lists import among, listed
from app.index.tables import INSTANCE, SERIES, STUDY
from app.model import JsonObject, Level, Uid


@dataclass(slots=True, eq=False)
class Branch:
    """A study or a series while it is written. `text` is its stored attributes, `attributes` the same parsed, once they are needed;
    `touched` if anything below it has changed, `changed` if its attributes have, `is_new` if no reader has seen it yet."""

    level: Level
    id: int
    uid: Uid
    text: str
    instances: int
    touched: bool = False
    changed: bool = False
    is_new: bool = False
    attributes: JsonObject | None = None
    said: tuple[JsonObject, bool] | None = None

    def count(self, instances: int) -> None:
        """So many instances came, or went if it is negative."""
        self.instances += instances
        self.touched = True

    def merge(self, attributes: JsonObject, *, overwrite: bool) -> None:
        """Take in what an instance says of this level; most instances say what the one before them did."""
        self.touched = True
        if self.said == (attributes, overwrite):
            return
        self.said = attributes, overwrite
        said = rows.dump(attributes)
        if said == self.text:
            return
        self.attributes = merge(self.parsed(), attributes, overwrite=overwrite)
        merged = rows.dump(self.attributes)
        self.changed |= merged != self.text
        self.text = merged

    def parsed(self) -> JsonObject:
        if self.attributes is None:
            self.attributes = json.loads(self.text)
        return self.attributes


@dataclass(slots=True, eq=False)
class SeriesBranch(Branch):
    pass


@dataclass(slots=True, eq=False)
class StudyBranch(Branch):
    """`series_count`, `modalities` and `classes` are those of the row; `series` are only those that the write needs.

    `added_classes` are SOP Classes that came to the study; `lost` if some may have gone, which costs a look at all of its instances."""

    series_count: int = 0
    modalities: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    series: dict[Uid, SeriesBranch] = field(default_factory=dict)
    added_classes: set[str] = field(default_factory=set)
    lost: bool = False


Studies = Mapping[Uid, StudyBranch]

_LOCKED = (
    select(STUDY.c.id, STUDY.c.uid, STUDY.c.attributes, STUDY.c.series, STUDY.c.instances, STUDY.c.modalities, STUDY.c.classes)
    .where(among(STUDY.c.uid, "uids"))
    .order_by(STUDY.c.uid)
    .with_for_update()
)
_SERIES = (
    select(SERIES.c.id, SERIES.c.uid, SERIES.c.attributes, SERIES.c.instances, STUDY.c.uid.label("study_uid"))
    .select_from(SERIES.join(STUDY))
    .where(among(STUDY.c.uid, "studies"), among(SERIES.c.uid, "uids"))
)
_EMPTY = "{}"
_EMPTY_STUDY: rows.Row = {"position": "", "series": 0, "instances": 0, "modalities": "", "classes": "", "attributes": _EMPTY, "ready": b""}


def lock_studies(connection: Connection, uids: Collection[Uid]) -> dict[Uid, StudyBranch]:
    """The studies that exist among these, locked."""
    return {
        Uid(row.uid): StudyBranch(
            Level.STUDY,
            row.id,
            Uid(row.uid),
            row.attributes,
            row.instances,
            series_count=row.series,
            modalities=split_list(row.modalities),
            classes=split_list(row.classes),
        )
        for row in connection.execute(_LOCKED, {"uids": listed(uids)})
    }


def lock_or_make_studies(connection: Connection, uids: Collection[Uid]) -> dict[Uid, StudyBranch]:
    """All of these studies, locked; new ones are empty rows until `write_back`."""
    studies = lock_studies(connection, uids)
    missing = sorted(set(uids) - set(studies))
    if missing:
        bulk.insert_new_rows(connection, STUDY, [{"uid": uid, **_EMPTY_STUDY} for uid in missing])
        for uid, study in lock_studies(connection, missing).items():
            # A rival may have been quicker, and filled it.
            study.is_new = study.instances == 0
            studies[uid] = study
        if len(studies) < len(set(uids)):
            raise Raced
    return studies


def find_series(connection: Connection, studies: Studies, uids: Collection[Uid]) -> None:
    """Read those of these series that locked studies have into their branches."""
    if not studies or not uids:
        return
    for row in connection.execute(_SERIES, {"studies": listed(studies), "uids": listed(uids)}):
        found = SeriesBranch(Level.SERIES, row.id, Uid(row.uid), row.attributes, row.instances)
        studies[Uid(row.study_uid)].series.setdefault(found.uid, found)


def find_or_make_series(connection: Connection, studies: Studies, places: Iterable[tuple[Uid, Uid]]) -> None:
    """The series at these places (study, series); new ones are no rows until `write_back`."""
    places = set(places)
    known = {uid: study for uid, study in studies.items() if not study.is_new}
    find_series(connection, known, {series for study, series in places if study in known})
    missing = sorted((study, series) for study, series in places if series not in studies[study].series)
    for (study, series), made in zip(missing, bulk.new_ids(connection, SERIES, len(missing)), strict=True):
        studies[study].series[series] = SeriesBranch(Level.SERIES, made, series, _EMPTY, 0, changed=True, is_new=True)


def recount(connection: Connection, study: StudyBranch) -> None:
    """Count what lies below a locked study, and have all of it written back."""
    counted = (
        select(SERIES.c.uid, func.count(INSTANCE.c.id)).outerjoin(INSTANCE).where(SERIES.c.study_id == study.id).group_by(SERIES.c.uid)
    )
    counts = {Uid(uid): count for uid, count in connection.execute(counted)}
    find_series(connection, {study.uid: study}, set(counts) - set(study.series))
    study.instances, study.touched, study.lost = sum(counts.values()), True, True
    for uid, series in study.series.items():
        series.instances, series.touched = counts[uid], True


def split_list(values: str) -> list[str]:
    return values.split("\\") if values else []
