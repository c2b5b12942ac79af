"""The server of one study: what is proposed, and the loop that trains it."""

from tiernas.study.proposals import Proposals
from tiernas.study.repeats import repeat_best
from tiernas.study.reuse import has_begun, require_reusable, reuse_accuracies
from tiernas.study.screen import Screen
from tiernas.study.screen_report import LOW_TAU, ScreenReport, report_screen
from tiernas.study.trainings import StoppedError, Trainings, checkpoint_dir

__all__ = [
    "LOW_TAU",
    "Proposals",
    "Screen",
    "ScreenReport",
    "StoppedError",
    "Trainings",
    "checkpoint_dir",
    "has_begun",
    "repeat_best",
    "report_screen",
    "require_reusable",
    "reuse_accuracies",
]
