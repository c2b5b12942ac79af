"""Which engines work on this machine, what is missing, and what will spoil measurements."""

from tiernas.doctor.diagnosis import Diagnosis, diagnose
from tiernas.doctor.engines import Status, Trial
from tiernas.doctor.finding import Finding, Level
from tiernas.doctor.noise import Noise, noise_of
from tiernas.doctor.noise_trial import NoiseTrial

__all__ = ["Diagnosis", "Finding", "Level", "Noise", "NoiseTrial", "Status", "Trial", "diagnose", "noise_of"]
