"""Version 1: what the first ledgers were made with; it is where all others begin."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Does nothing: there were no ledgers before it."""
