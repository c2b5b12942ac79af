"""The server of one study: what is proposed, and the loop that trains it."""

from tiernas.study.events import record, recording
from tiernas.study.heartbeat import LEASE_S, Heartbeat
from tiernas.study.proposals import Proposals
from tiernas.study.repeats import repeat_best
from tiernas.study.reuse import has_begun, require_reusable, reuse_accuracies
from tiernas.study.run import StoppedError
from tiernas.study.screen import Screen
from tiernas.study.screen_report import LOW_TAU, ScreenReport, report_screen
from tiernas.study.trainings import Trainings, checkpoint_place

__all__ = [
    "LEASE_S",
    "LOW_TAU",
    "Heartbeat",
    "Proposals",
    "Screen",
    "ScreenReport",
    "StoppedError",
    "Trainings",
    "checkpoint_place",
    "has_begun",
    "record",
    "recording",
    "repeat_best",
    "report_screen",
    "require_reusable",
    "reuse_accuracies",
]
