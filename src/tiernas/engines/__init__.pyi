from .calibration import calibration_images
from .catalogue import engine_names, get_engine
from .engine import CompiledNetwork, Engine, NodeTime
from .fingerprint import Fingerprint, graph_digest
from .loads import measure_loads
from .lock import device_lock
from .measurement import Measurement
from .saved import SavedNetwork
from .timing import StopRule, measure

__all__ = [
    "CompiledNetwork",
    "Engine",
    "Fingerprint",
    "Measurement",
    "NodeTime",
    "SavedNetwork",
    "StopRule",
    "calibration_images",
    "device_lock",
    "engine_names",
    "get_engine",
    "graph_digest",
    "measure",
    "measure_loads",
]
