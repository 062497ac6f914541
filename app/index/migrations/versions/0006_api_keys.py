"""API keys: their digests, what they may do, and when they were made, used, revoked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REAL = sa.Float().with_variant(sa.Double(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("prefix", TEXT, primary_key=True, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("created", REAL, nullable=False),
        sa.Column("expires", REAL, nullable=True),
        sa.Column("used", REAL, nullable=True),
        sa.Column("revoked", REAL, nullable=True),
    )
