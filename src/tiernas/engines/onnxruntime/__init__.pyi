from .engine import OnnxRuntimeEngine, OnnxRuntimeNetwork

__all__ = ["OnnxRuntimeEngine", "OnnxRuntimeNetwork"]
