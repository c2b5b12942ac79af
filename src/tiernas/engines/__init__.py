"""Deployment engines: ONNX in, a compiled network out, measured by one clock."""

from tiernas.engines.calibration import calibration_images
from tiernas.engines.catalogue import engine_names, get_engine
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint, graph_digest
from tiernas.engines.loads import measure_loads
from tiernas.engines.lock import device_lock
from tiernas.engines.timing import Measurement, StopRule, measure

__all__ = [
    "CompiledNetwork",
    "Engine",
    "Fingerprint",
    "Measurement",
    "NodeTime",
    "StopRule",
    "calibration_images",
    "device_lock",
    "engine_names",
    "get_engine",
    "graph_digest",
    "measure",
    "measure_loads",
]
