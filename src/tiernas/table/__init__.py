"""The model table: which network to deploy on which device."""

from tiernas.table.entry import Entry
from tiernas.table.export import export
from tiernas.table.model_table import ModelTable, Query

__all__ = ["Entry", "ModelTable", "Query", "export"]
