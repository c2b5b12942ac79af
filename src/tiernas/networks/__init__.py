"""Networks: `Architecture` to torch modules and to ONNX."""

from tiernas.networks.convnet import ConvNet, FeatureNet, build
from tiernas.networks.cost import Cost, cost
from tiernas.networks.onnx import check_onnx, export_onnx

__all__ = ["ConvNet", "Cost", "FeatureNet", "build", "check_onnx", "cost", "export_onnx"]
