from .calibration import calibration_draw
from .data import load_data
from .data_config import DataConfig
from .distributed import train_distributed
from .errors import TrainingDiverged
from .evaluation import Accuracy, accuracy_of, evaluate, predict
from .images import ImageSet, Splits
from .preprocessing import IMAGE_MEAN, IMAGE_STD, normalize, resize
from .recipe import RecipeConfig
from .result import EpochReport, TrainingResult
from .teachers import TeacherConfig
from .trained import DamagedWeightsError, load_trained
from .trainer import train

__all__ = [
    "IMAGE_MEAN",
    "IMAGE_STD",
    "Accuracy",
    "DamagedWeightsError",
    "DataConfig",
    "EpochReport",
    "ImageSet",
    "RecipeConfig",
    "Splits",
    "TeacherConfig",
    "TrainingDiverged",
    "TrainingResult",
    "accuracy_of",
    "calibration_draw",
    "evaluate",
    "load_data",
    "load_trained",
    "normalize",
    "predict",
    "resize",
    "train",
    "train_distributed",
]
