"""Version 1: the first ledgers, from which all migrations start."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Does nothing: no ledgers are older."""
