"""Labels of studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "study_label",
        sa.Column("study_uid", TEXT, primary_key=True, nullable=False),
        sa.Column("label", TEXT, primary_key=True, nullable=False),
    )
    op.create_index("study_label_label", "study_label", ["label", "study_uid"])
