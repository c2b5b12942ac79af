"""Version 4: the accuracy of running training."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Adds a column."""
    op.add_column("attempts", sa.Column("validation_accuracy", sa.Double))
