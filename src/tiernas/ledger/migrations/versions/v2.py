"""Version 2: reuse of accuracies, the screen, repeats, and the order in which candidates ended."""

from alembic import op

revision = "2"
down_revision = "1"

_KEPT = (
    "id, study_id, purpose, number, vector, digest, estimated_latency_ms, measurement, state, accuracy, result, "
    "reason, created_at, finished_at"
)
"""Columns of a candidate of version 1."""

_CANDIDATES = """
CREATE TABLE candidates (
    id INTEGER NOT NULL,
    study_id INTEGER NOT NULL,
    purpose VARCHAR(7) NOT NULL,
    number INTEGER NOT NULL,
    vector JSON NOT NULL,
    digest VARCHAR NOT NULL,
    seed_offset INTEGER NOT NULL,
    estimated_latency_ms DOUBLE NOT NULL,
    measurement JSON,
    state VARCHAR(7) NOT NULL,
    accuracy DOUBLE,
    result JSON,
    rungs JSON,
    repeated JSON,
    origin VARCHAR,
    reason VARCHAR,
    ended_order INTEGER,
    created_at DATETIME NOT NULL,
    finished_at DATETIME,
    PRIMARY KEY (id),
    UNIQUE (study_id, purpose, number),
    UNIQUE (study_id, purpose, digest, seed_offset),
    FOREIGN KEY(study_id) REFERENCES studies (id)
)
"""


def upgrade() -> None:
    """Recreates the table of candidates, because SQLite cannot change a constraint: the unique key got wider.

    Only SQLite had ledgers of version 1. The order in which candidates ended is that of their times.
    """
    op.execute("ALTER TABLE studies ADD COLUMN reused JSON")
    op.execute("ALTER TABLE candidates RENAME TO old_candidates")
    op.execute("DROP INDEX ix_candidates_study_id")
    op.execute("DROP INDEX ix_candidates_state")
    op.execute(_CANDIDATES)
    op.execute(
        f"INSERT INTO candidates ({_KEPT}, seed_offset, ended_order) SELECT {_KEPT}, 0, CASE WHEN finished_at IS "
        "NOT NULL THEN row_number() OVER (PARTITION BY study_id, purpose, finished_at IS NULL "
        "ORDER BY finished_at, number) - 1 END FROM old_candidates"
    )
    op.execute("DROP TABLE old_candidates")
    op.create_index("ix_candidates_study_id", "candidates", ["study_id"])
    op.create_index("ix_candidates_state", "candidates", ["state"])
    op.create_index("ix_candidates_ended_order", "candidates", ["study_id", "purpose", "ended_order"])
