"""What an Access covers: its selections read as searches for studies, and the same in plain Python, the oracle of the index's predicate.

Must not know: callers, rules, SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from app.dicom import site_keys
from app.dicomweb import matching, query
from app.dicomweb.query import Query
from app.errors import InvalidQuery
from app.labels import is_label
from app.model import Access, InstanceRecord, Level, Selection, Target

WILDCARDS = 16
"""In one value, as by default in a search."""

LABEL = "label"
"""The name of a term that is no search key: the study has this label."""

SWITCHES = frozenset({"multiplevaluematching", "fuzzymatching"})


@lru_cache(maxsize=4096)
def read(selection: Selection) -> Query:
    """The search for the studies of a selection. InvalidQuery, with a sentence, for a term that could not be a term of a search.

    A term on a series or an instance selects the studies in which some series or instance fulfils it. A value of nothing, or of `*` alone,
    would select studies in which the attribute is missing as well: such a term is refused, for whoever writes it means something else.
    """
    terms = [term for term in selection.terms if term[0] != LABEL]
    for label in labels(selection):
        if not is_label(label):
            raise InvalidQuery(f"{label[:64]!r} is no label: letters, digits, dots, colons, hyphens and underscores")
    for name, value in terms:
        if name in SWITCHES:
            continue
        if query.path_of(name) is None:
            raise InvalidQuery(f"{name[:64]!r} is no attribute of PS3.6 by which studies can be selected")
        if not value.strip("* "):
            raise InvalidQuery(f"The value for {name} has to be more than a wildcard")
    asked = query.parse(terms, level=Level.STUDY, target=Target(), wildcards=WILDCARDS, site=site_keys.parse(selection.keys))
    if asked.warnings:
        raise InvalidQuery(asked.warnings[0].rstrip("."))
    return asked


def labels(selection: Selection) -> list[str]:
    """Those that a study has to have."""
    return [value for name, value in selection.terms if name == LABEL]


def covers(access: Access, study: Sequence[InstanceRecord], labelled: Collection[str] = ()) -> bool:
    """Whether an Access covers a study with these labels, of which these are all records, at least one."""

    def holds(selection: Selection) -> bool:
        return bool(matching.search(read(selection), study)) and all(label in labelled for label in labels(selection))

    return (
        (access.studies is None or study[0].study_uid in access.studies)
        and (access.permitted is None or any(map(holds, access.permitted)))
        and all(map(holds, access.within))
        and not any(map(holds, access.denied))
    )
