"""The server of one study: what is proposed, and the loop that trains it."""

from tiernas.study.curves import Curves
from tiernas.study.events import recording
from tiernas.study.heartbeat import Heartbeat, serving
from tiernas.study.proposals import Proposals
from tiernas.study.repeats import repeat_best
from tiernas.study.reuse import has_begun, require_reusable, reuse_accuracies
from tiernas.study.run import StoppedError
from tiernas.study.screen import Screen
from tiernas.study.screen_report import LOW_TAU, ScreenReport, report_screen
from tiernas.study.trainings import Trainings, checkpoint_place

__all__ = [
    "LOW_TAU",
    "Curves",
    "Heartbeat",
    "Proposals",
    "Screen",
    "ScreenReport",
    "StoppedError",
    "Trainings",
    "checkpoint_place",
    "has_begun",
    "recording",
    "repeat_best",
    "report_screen",
    "require_reusable",
    "reuse_accuracies",
    "serving",
]
