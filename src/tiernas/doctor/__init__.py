"""Which engines work on this machine, what is missing, and what will spoil measurements."""

from tiernas.doctor.diagnosis import Diagnosis, diagnose
from tiernas.doctor.engines import Status, Trial
from tiernas.doctor.finding import Finding, Level

__all__ = ["Diagnosis", "Finding", "Level", "Status", "Trial", "diagnose"]
