"""Who is where: the index of studies, series and instances on SQLite or PostgreSQL. The only package that knows SQL."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys
from app.index import site_keys
from app.index.database import Database
from app.index.schema import migrate
from app.index.sql_index import SqlIndex
from app.index.sql_upkeep import SqlUpkeep

__all__ = ["SqlIndex", "SqlUpkeep", "migrate", "open_index"]


def open_index(url: str, *, create: bool = True, now: Callable[[], float] = time.time, site: SiteKeys = NO_SITE_KEYS) -> SqlIndex:
    """The index at `url` (`sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://...`; `sqlite://` lives in memory).

    `create` makes or migrates the schema first and takes note of the site's search keys; without it `check` tells whether the schema fits.
    `now` gives seconds since 1970.
    ValueError for a URL of another kind, Unavailable if the database does not answer.
    """
    database = Database(url)
    if create:
        migrate(database)
        site_keys.register(database, site)
    return SqlIndex(database, now, site)
