"""How often one caller may ask for what takes long: volumes, pictures of whole studies, whole studies themselves (429, RFC 6585 4).

What is heavy waits in bounded queues anyway (503); this keeps one script from having all of their room. Who sits at the machine itself, in
local mode, is not held up.
"""

from __future__ import annotations

from collections.abc import Callable

from app.buckets import Buckets
from app.dicomweb.resources import FRAMES, INSTANCE, RENDERED_3D, RENDERED_MPR, SERIES, STUDY
from app.errors import TooMany
from app.model import Caller

HEAVY = frozenset(
    {
        *(f"{place}/{name}" for place in (STUDY, SERIES, INSTANCE, FRAMES) for name in (RENDERED_MPR, RENDERED_3D)),
        *(f"{place}/{name.lower()}" for place in (STUDY, SERIES, INSTANCE, FRAMES) for name in (RENDERED_MPR, RENDERED_3D)),
        f"{STUDY}/rendered",
        f"{SERIES}/rendered",
        STUDY,
        f"{STUDY}/bulkdata",
        f"{STUDY}/pixeldata",
    }
)
"""Templates of routes below the base path; of a study by itself, only reading it."""


class Pace:
    """`now` gives seconds, of any clock that never goes back."""

    def __init__(self, a_minute: int, base_path: str, now: Callable[[], float]) -> None:
        self._buckets = Buckets(a_minute, now)
        self._routes = frozenset(base_path + route for route in HEAVY)

    def keep(self, caller: Caller, route: str, method: str) -> None:
        """TooMany if the caller asks for what is heavy too often."""
        if route not in self._routes or method not in {"GET", "HEAD"} or caller.kind == "local":
            return
        name = caller.issuer, caller.kind, caller.subject
        if seconds := self._buckets.seconds_until_room(name):
            raise TooMany(
                "This caller asks for whole studies and volumes more often than it may (setting limits.heavy_per_minute)", seconds=seconds
            )
        self._buckets.drop(name)
