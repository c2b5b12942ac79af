from .curves import Curves
from .events import recording
from .heartbeat import Heartbeat, serving
from .proposals import Proposals
from .repeats import repeat_best
from .reuse import SPACE_DIGEST, has_begun, require_reusable, reuse_accuracies
from .run import train_candidates
from .screen import Screen
from .screen_report import LOW_TAU, ScreenReport, report_screen
from .seed_noise import error_of_means
from .trainings import Trainings, architecture_of, checkpoint_place

__all__ = [
    "LOW_TAU",
    "SPACE_DIGEST",
    "Curves",
    "Heartbeat",
    "Proposals",
    "Screen",
    "ScreenReport",
    "Trainings",
    "architecture_of",
    "checkpoint_place",
    "error_of_means",
    "has_begun",
    "recording",
    "repeat_best",
    "report_screen",
    "require_reusable",
    "reuse_accuracies",
    "serving",
    "train_candidates",
]
