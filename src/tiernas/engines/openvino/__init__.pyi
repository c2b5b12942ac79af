from .engine import OpenVinoEngine, OpenVinoNetwork

__all__ = ["OpenVinoEngine", "OpenVinoNetwork"]
