from .average_precision import AveragePrecision, average_precision
from .backbone import Features, open_features
from .config import DetectionConfig, load_detection_config
from .data import DetectionData, SplitFiles, load_detection_data
from .detector import Design, Detector
from .drawing import detect_in, drawn, open_image
from .evaluation import evaluate
from .exporting import export_detector
from .job import DetectionJob
from .recipe import DetectionRecipe
from .suppression import Suppressing, suppressed
from .training import DetectionReport, DetectionResult, train_detector, trained_detector

__all__ = [
    "AveragePrecision",
    "Design",
    "DetectionConfig",
    "DetectionData",
    "DetectionJob",
    "DetectionRecipe",
    "DetectionReport",
    "DetectionResult",
    "Detector",
    "Features",
    "SplitFiles",
    "Suppressing",
    "average_precision",
    "detect_in",
    "drawn",
    "evaluate",
    "export_detector",
    "load_detection_config",
    "load_detection_data",
    "open_features",
    "open_image",
    "suppressed",
    "train_detector",
    "trained_detector",
]
