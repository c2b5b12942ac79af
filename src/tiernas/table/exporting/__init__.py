"""An entry of the model table as a folder that can be deployed (docs/export.md)."""

from tiernas.table.exporting.export import export

__all__ = ["export"]
