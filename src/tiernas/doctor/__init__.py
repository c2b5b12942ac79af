"""Which engines work on this machine, what is missing, and what would disturb measurements."""

from tiernas.doctor.diagnosis import Diagnosis, diagnose
from tiernas.doctor.engines import EngineTrial, Status
from tiernas.doctor.finding import Finding, Severity
from tiernas.doctor.noise import Noise, noise_of
from tiernas.doctor.noise_trial import NoiseTrial

__all__ = ["Diagnosis", "EngineTrial", "Finding", "Noise", "NoiseTrial", "Severity", "Status", "diagnose", "noise_of"]
