from .entry import Entry
from .exporting import export
from .model_table import ModelTable, Query

__all__ = [
    "Entry",
    "ModelTable",
    "Query",
    "export",
]
