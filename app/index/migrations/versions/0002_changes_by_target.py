"""Changes are found by what they are about: when a study last changed, and whether it was deleted."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("change_target", "change", ["study_uid", "series_uid", "instance_uid"])
