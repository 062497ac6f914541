"""Webhooks, how far each of them is, and what they were not told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REAL = sa.Float().with_variant(sa.Double(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("name", TEXT, primary_key=True, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("kinds", TEXT, nullable=False),
        sa.Column("batch", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("failing_since", REAL, nullable=False),
        sa.Column("next_try", REAL, nullable=False),
        sa.Column("trouble", TEXT, nullable=False),
    )
    op.create_table(
        "undelivered",
        sa.Column("number", BIG, primary_key=True, autoincrement=True, nullable=False),
        sa.Column("webhook", TEXT, nullable=False),
        sa.Column("first", BIG, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("since", REAL, nullable=False),
        sa.Column("trouble", TEXT, nullable=False),
    )
