"""Which engines work on this machine, what is missing, and what would disturb measurements."""

from tiernas.doctor.diagnosis import Diagnosis, diagnose
from tiernas.doctor.engines import EngineTrial, Status
from tiernas.doctor.finding import Finding, Severity
from tiernas.doctor.noise import Noise, noise_of
from tiernas.doctor.noise_trial import NoiseTrial
from tiernas.doctor.remote import diagnose_device

__all__ = [
    "Diagnosis",
    "EngineTrial",
    "Finding",
    "Noise",
    "NoiseTrial",
    "Severity",
    "Status",
    "diagnose",
    "diagnose_device",
    "noise_of",
]
