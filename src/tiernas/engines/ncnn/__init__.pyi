from .engine import NcnnEngine

__all__ = ["NcnnEngine"]
