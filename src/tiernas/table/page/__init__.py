"""The model table as one HTML file that works offline (docs/table.md)."""

from tiernas.table.page.document import page, write_page

__all__ = ["page", "write_page"]
