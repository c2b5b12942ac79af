from .as_trained import vary_constants
from .building import FeatureNet, Network, build, repeatable_weights
from .costs import Cost, cost
from .onnx import check_onnx, export_onnx, export_untrained, write_onnx

__all__ = [
    "Cost",
    "FeatureNet",
    "Network",
    "build",
    "check_onnx",
    "cost",
    "export_onnx",
    "export_untrained",
    "repeatable_weights",
    "vary_constants",
    "write_onnx",
]
