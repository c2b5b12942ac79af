from .backbone import Features, open_features
from .detector import Design, Detector
from .suppression import Suppressing, suppressed

__all__ = [
    "Design",
    "Detector",
    "Features",
    "Suppressing",
    "open_features",
    "suppressed",
]
