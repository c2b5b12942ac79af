from .loading import load
from .network import PretrainedNet

__all__ = ["PretrainedNet", "load"]
