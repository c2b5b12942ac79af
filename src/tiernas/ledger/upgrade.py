"""Upgrades ledgers of older versions to the current one when they are opened."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, update

import tiernas
from tiernas.ledger import migrations
from tiernas.ledger.models import SCHEMA_VERSION, Info


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations, in the transaction of the connection.

    `info.schema_version` decides, as it did before alembic was used; alembic's own table is written from it and not
    used otherwise. Does nothing if another process has just done it.
    """
    version = connection.execute(select(Info.schema_version)).scalar_one()
    if version >= SCHEMA_VERSION:
        return
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0].replace("%", "%%"))
    config.attributes["connection"] = connection
    command.stamp(config, str(version), purge=True)
    command.upgrade(config, str(SCHEMA_VERSION))
    connection.exec_driver_sql("DROP TABLE alembic_version")
    connection.execute(update(Info).values(schema_version=SCHEMA_VERSION, tiernas_version=tiernas.__version__))
