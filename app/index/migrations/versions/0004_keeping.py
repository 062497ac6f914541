"""What was deleted or replaced is kept for a while; damage is remembered; upkeep remembers where it was; blobs find their row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REAL = sa.Float().with_variant(sa.Double(), "postgresql")


def upgrade() -> None:
    # What stands in the list already was to be deleted at once.
    op.add_column("unused_blob", sa.Column("reason", TEXT, nullable=False, server_default="spare"))
    op.add_column("unused_blob", sa.Column("claimed", sa.Integer(), nullable=False, server_default="0"))
    for name in ("study_uid", "series_uid", "instance_uid", "digest", "marker"):
        op.add_column("unused_blob", sa.Column(name, TEXT, nullable=True))
    _index("unused_blob_study", "unused_blob", "study_uid", "study_uid IS NOT NULL")
    _index("unused_blob_marker", "unused_blob", "marker", "marker IS NOT NULL")
    op.create_index("unused_blob_since", "unused_blob", ["since"])
    op.add_column("instance", sa.Column("quarantined", REAL, nullable=True))
    _index("instance_quarantined", "instance", "quarantined", "quarantined IS NOT NULL")
    op.create_index("instance_blob_key", "instance", ["blob_key"])
    _index("instance_form_key", "instance", "form_key", "form_key <> blob_key")
    op.create_table(
        "upkeep",
        sa.Column("name", TEXT, primary_key=True, nullable=False),
        sa.Column("until", REAL, nullable=False),
        sa.Column("position", TEXT, nullable=False),
    )


def _index(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
