"""Ledgers of older versions are brought to the present one when they are opened."""

from __future__ import annotations

from sqlalchemy import Connection, Table

import tiernas
from tiernas.ledger.models import SCHEMA_VERSION, Candidate

_KEPT = (
    "id, study_id, purpose, number, vector, digest, estimated_latency_ms, measurement, state, accuracy, result, "
    "reason, created_at, finished_at"
)
"""Columns of a candidate of version 1."""


def upgrade(connection: Connection) -> None:
    """Brings a ledger of version 1 to version 2, in one transaction; does nothing where another process just did.

    The table of candidates is made anew, because SQLite cannot change a constraint: what is unique got wider. The
    order in which candidates ended is that of their times.
    """
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # the attempts keep pointing to the table by its name
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if connection.exec_driver_sql("SELECT schema_version FROM info").scalar_one() == 1:
        connection.exec_driver_sql("ALTER TABLE studies ADD COLUMN reused JSON")
        connection.exec_driver_sql("ALTER TABLE candidates RENAME TO old_candidates")
        for index in ("ix_candidates_study_id", "ix_candidates_state"):
            connection.exec_driver_sql(f"DROP INDEX {index}")
        table = Candidate.__table__
        assert isinstance(table, Table)
        table.create(connection)
        connection.exec_driver_sql(
            f"INSERT INTO candidates ({_KEPT}, seed_offset, ended_order) SELECT {_KEPT}, 0, CASE WHEN finished_at IS "
            "NOT NULL THEN row_number() OVER (PARTITION BY study_id, purpose, finished_at IS NULL "
            "ORDER BY finished_at, number) - 1 END FROM old_candidates"
        )
        connection.exec_driver_sql("DROP TABLE old_candidates")
        connection.exec_driver_sql(
            "UPDATE info SET schema_version = ?, tiernas_version = ?", (SCHEMA_VERSION, tiernas.__version__)
        )
    connection.commit()
    connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
