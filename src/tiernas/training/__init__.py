"""Training: an architecture and images to an accuracy.

`load_data` gives images in memory, `train` trains a network on them and can be interrupted at any moment,
`load_trained` gives the network back and `evaluate` its accuracy on any part, the test part included.
"""

from tiernas.training.data import load_data
from tiernas.training.data_config import DataConfig
from tiernas.training.distributed import train_distributed
from tiernas.training.errors import TrainingDiverged
from tiernas.training.evaluation import Accuracy, accuracy_of, evaluate, predict
from tiernas.training.images import ImageSet, Splits
from tiernas.training.preprocessing import IMAGE_MEAN, IMAGE_STD, normalize, resize
from tiernas.training.recipe import RecipeConfig
from tiernas.training.result import EpochReport, TrainingResult
from tiernas.training.teachers import TeacherConfig
from tiernas.training.trained import load_trained
from tiernas.training.trainer import train

__all__ = [
    "IMAGE_MEAN",
    "IMAGE_STD",
    "Accuracy",
    "DataConfig",
    "EpochReport",
    "ImageSet",
    "RecipeConfig",
    "Splits",
    "TeacherConfig",
    "TrainingDiverged",
    "TrainingResult",
    "accuracy_of",
    "evaluate",
    "load_data",
    "load_trained",
    "normalize",
    "predict",
    "resize",
    "train",
    "train_distributed",
]
