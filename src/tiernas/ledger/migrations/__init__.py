"""How ledgers of older versions are brought up to date; revision N makes a ledger of `schema_version` N.

A new one: raise `SCHEMA_VERSION`, change the models, and write `versions/vN.py`, which uses no model, since these
change. `tests/ledger/test_upgrade.py` compares what it makes with what the models make.
"""
