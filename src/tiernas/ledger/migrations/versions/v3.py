"""Version 3: node and GPU of attempts, the server's lease, and the user's orders."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Adds columns and tables."""
    op.add_column("attempts", sa.Column("node", sa.String))
    op.add_column("attempts", sa.Column("gpu", sa.String))
    op.add_column("candidates", sa.Column("forgiven", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_candidates_finished_at", "candidates", ["finished_at"])
    control = op.create_table(
        "control",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("trainings", sa.Integer),
        sa.Column("changed", sa.Integer, nullable=False),
    )
    op.bulk_insert(control, [{"id": 1, "paused": False, "trainings": None, "changed": 0}])
    lease = op.create_table(
        "lease",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(32)),
        sa.Column("host", sa.String),
        sa.Column("machine", sa.String),
        sa.Column("pid", sa.Integer),
        sa.Column("began_s", sa.Double),
        sa.Column("lease_s", sa.Double),
        sa.Column("renewals", sa.Integer),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("clients", sa.Integer),
        sa.Column("idle", sa.Integer),
    )
    op.bulk_insert(lease, [{"id": 1}])
