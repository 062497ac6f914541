"""The site's search keys in the database: which of them hold for all that is stored, and bringing them there from the stored Metadata.

A key that is new while there are instances is not filled: `fill_page` goes over them, then `mark_filled` says so. A key that the settings
name no longer is forgotten, since nobody keeps its values up to date. Search by a key that is not filled gives a warning.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, RowMapping, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.dicom.site_keys import SiteKeys, name_of
from app.dicomweb.query import Query
from app.dicomweb.search_results import split
from app.index import branches, rows
from app.index.database import Database, unavailable
from app.index.tables import DOCUMENT, FILLED_KEY, INSTANCE, SERIES, STUDY
from app.index.upsert import insert_new
from app.index.write_back import Values, write_back
from app.model import Level, Uid

PAGE_ROWS = 100
PATIENCE = 60.0

_PAGE = (
    select(INSTANCE.c.id, STUDY.c.uid.label("study_uid"), SERIES.c.uid.label("series_uid"), DOCUMENT.c.metadata)
    .select_from(INSTANCE.join(SERIES).join(STUDY).join(DOCUMENT, DOCUMENT.c.instance_id == INSTANCE.c.id))
    .order_by(INSTANCE.c.id)
    .limit(PAGE_ROWS)
)


def register(database: Database, site: SiteKeys) -> None:
    """Forget keys that the site has dropped; while nothing is stored, every key is filled. Unavailable."""
    names = {name_of(key) for key in site.keys}
    engine = database.migrating(PATIENCE)
    try:
        with engine.begin() as connection:
            dropped = set(connection.scalars(select(FILLED_KEY.c.name))) - names
            if dropped:
                connection.execute(delete(FILLED_KEY).where(FILLED_KEY.c.name.in_(sorted(dropped))))
            if names and connection.execute(select(INSTANCE.c.id).limit(1)).first() is None:
                mark_filled(connection, names)
    except SQLAlchemyError as error:
        raise unavailable() from error
    finally:
        database.migrated(engine)


def mark_filled(connection: Connection, names: Collection[str]) -> None:
    if names:
        connection.execute(insert_new(connection, FILLED_KEY), [{"name": name} for name in sorted(names)])


def warnings(connection: Connection, query: Query) -> tuple[str, ...]:
    """A sentence for each of the site's keys that this search uses and that is not filled yet."""
    paths = {path for match in query.matches for path in match.paths} | {order.key.path for order in query.order}
    used = [key for key in query.site.keys if key.path in paths]
    if not used:
        return ()
    filled = set(connection.scalars(select(FILLED_KEY.c.name)))
    return tuple(
        f"{key.keyword} is a new search key: what was stored before is not found by it until radiolucent reindex --keys has run."
        for key in used
        if name_of(key) not in filled
    )


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(INSTANCE)) or 0


def fill_page(connection: Connection, after: int, site: SiteKeys) -> list[int]:
    """The next instances, in the order of storing, so that the first stored value wins as it does in a Store; their ids."""
    places = connection.execute(_PAGE.with_only_columns(INSTANCE.c.id, STUDY.c.uid).where(INSTANCE.c.id > after)).all()
    if not places:
        return []
    studies = branches.lock_studies(connection, {Uid(uid) for _, uid in places})
    ids = [row for row, _ in places]
    found = connection.execute(_PAGE.where(INSTANCE.c.id.in_(ids))).mappings().all()
    branches.find_series(connection, studies, {Uid(row["series_uid"]) for row in found})
    values = Values()
    for row in found:
        if (study := studies.get(row["study_uid"])) is not None:
            _fill(connection, study, row, site, values)
    write_back(connection, studies.values(), site, values)
    values.write(connection)
    return ids


def _fill(connection: Connection, study: branches.StudyBranch, row: RowMapping, site: SiteKeys, values: Values) -> None:
    of_study, of_series, attributes = split(rows.parsed(row["metadata"]), site)
    for branch, said in ((study, of_study), (study.series[row["series_uid"]], of_series)):
        branch.merge(said, overwrite=False)
        branch.changed = True
    connection.execute(update(INSTANCE).where(INSTANCE.c.id == row["id"]), rows.key_columns(Level.INSTANCE, attributes))
    values.replace(Level.INSTANCE, row["id"], rows.value_rows(Level.INSTANCE, row["id"], attributes, site))
