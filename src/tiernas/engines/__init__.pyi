from .calibration import calibration_images
from .catalogue import engine_names, get_engine
from .clock import Anchor, TurnRule
from .device import Device
from .engine import CompiledNetwork, Engine, NodeTime
from .fingerprint import Fingerprint, graph_digest
from .lock import device_lock
from .measurement import InTurn, Measurement
from .saved import SavedNetwork
from .timing import StopRule, measure

__all__ = [
    "Anchor",
    "CompiledNetwork",
    "Device",
    "Engine",
    "Fingerprint",
    "InTurn",
    "Measurement",
    "NodeTime",
    "SavedNetwork",
    "StopRule",
    "TurnRule",
    "calibration_images",
    "device_lock",
    "engine_names",
    "get_engine",
    "graph_digest",
    "measure",
]
