"""Migrations of ledgers of older versions; revision N makes a ledger of `schema_version` N.

To add one: increase `SCHEMA_VERSION`, change the models, and write `versions/vN.py`, which uses no model, because
models change. `tests/ledger/test_upgrade.py` compares its result with what the models create.
"""
