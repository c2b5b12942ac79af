"""What a search has done, is doing, and why something failed."""

from tiernas.status.status import read_status

__all__ = ["read_status"]
