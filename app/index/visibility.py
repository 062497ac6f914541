"""What a caller may see, as one SQL predicate: every statement that reads for somebody contains it (`security.md`, S3).

`dicomweb.selection.covers` says in plain Python what it means; `tests/contract/test_index_access.py` compares the two.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, false, or_, select, true

from app.dicomweb.selection import labels, read
from app.index.conditions import conditions
from app.index.lists import one_of
from app.index.tables import LABEL, STUDY
from app.model import Access, Selection


def visible(access: Access, study_uid: ColumnElement[str] = STUDY.c.uid) -> ColumnElement[bool]:
    """True for rows of studies that the access covers; `study_uid` is the column that tells the study of a row.

    Where that is not the study's own, what is told of a study that is gone is visible only to those who may see everything, or who were
    given this very study by its UID.
    """
    if access.is_everything:
        return true()
    terms = [] if access.studies is None else [one_of(study_uid, access.studies)]
    selected = _selected(access)
    if selected and study_uid is not STUDY.c.uid:
        covered = select(STUDY.c.uid).where(*selected)
        return and_(*terms, study_uid.in_(covered.correlate(None)))
    return and_(true(), *terms, *selected)


def _selected(access: Access) -> list[ColumnElement[bool]]:
    """On rows of STUDY. What a study has no value for is neither true nor false: outside of a selection, therefore, and not denied."""
    terms = [_is_in(selection) for selection in access.within]
    if access.permitted is not None:
        terms.append(or_(false(), *(_is_in(selection) for selection in access.permitted)))
    return terms + [case((_is_in(selection), 0), else_=1) == 1 for selection in access.denied]


def _is_in(selection: Selection) -> ColumnElement[bool]:
    return and_(true(), *conditions(read(selection)), *(_has(label) for label in labels(selection)))


def _has(label: str) -> ColumnElement[bool]:
    return select(LABEL.c.label).where(LABEL.c.study_uid == STUDY.c.uid, LABEL.c.label == label).correlate(STUDY).exists()
