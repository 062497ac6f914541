"""UTC offsets of dates and times, who a study's patient is, and the site's own search keys.

Offsets come from the ready answers, which hold them at every level. A date-time that has no offset of its own stays as it was indexed:
`radiolucent reindex --keys` brings it to UTC.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LEVELS = ("study", "series", "instance")
PAGE = 1000


def upgrade() -> None:
    for table in LEVELS:
        op.add_column(table, sa.Column("utc_offset", sa.Integer(), nullable=True))
    op.add_column("study", sa.Column("patient", TEXT, nullable=True))
    present = sa.text("patient IS NOT NULL")
    op.create_index("study_patient", "study", ["patient"], sqlite_where=present, postgresql_where=present)
    op.create_table("filled_key", sa.Column("name", TEXT, primary_key=True, nullable=False))
    connection = op.get_bind()
    tell = "UPDATE study SET patient = patient_id || :separator || coalesce(issuer_of_patient_id, '') WHERE patient_id IS NOT NULL"
    connection.execute(sa.text(tell), {"separator": "\x1f"})
    for table in LEVELS:
        _fill_offsets(connection, table)


def _fill_offsets(connection: sa.Connection, name: str) -> None:
    table = sa.table(name, sa.column("id"), sa.column("ready"), sa.column("utc_offset"))
    last = 0
    while found := connection.execute(sa.select(table.c.id, table.c.ready).where(table.c.id > last).order_by(table.c.id).limit(PAGE)).all():
        last = found[-1].id
        for row in found:
            minutes = _offset(row.ready) if b'"00080201"' in row.ready else None
            if minutes is not None:
                connection.execute(table.update().where(table.c.id == row.id).values(utc_offset=minutes))


def _offset(ready: bytes) -> int | None:
    values = json.loads(ready, strict=False)["00080201"].get("Value", [""])
    text = str(values[0]).strip()
    if len(text) != 5 or text[0] not in "+-" or not (text[1:].isascii() and text[1:].isdigit()) or text[1:3] > "14" or text[3:] > "59":
        return None
    return (int(text[1:3]) * 60 + int(text[3:])) * (-1 if text[0] == "-" else 1)
