"""Version 4: how accurate a running training is."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Adds a column."""
    op.add_column("attempts", sa.Column("validation_accuracy", sa.Double))
