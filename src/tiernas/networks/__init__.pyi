from .convnet import ConvNet, FeatureNet, build, repeatable_weights
from .costs import Cost, cost
from .onnx import check_onnx, export_onnx, export_untrained, write_onnx

__all__ = [
    "ConvNet",
    "Cost",
    "FeatureNet",
    "build",
    "check_onnx",
    "cost",
    "export_onnx",
    "export_untrained",
    "repeatable_weights",
    "write_onnx",
]
