"""Why Ray lost a worker, in one line, and whether the job may be the cause."""

from __future__ import annotations

from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayError

from tiernas.executors.fault import Fault


def cause_of(error: RayError) -> str:
    """What a Ray error says about the death of an actor, without its table of ids and Ray's guesses."""
    if isinstance(error, ActorUnavailableError):
        return "the connection to it was lost"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = (lines or [type(error).__name__])[-1]
    return said.partition(" Some common causes include")[0].removeprefix("The actor is dead because ")


def fault_of_death(error: RayError) -> Fault:
    """What the death of an actor is attributed to: out of memory or a crash to the job, the loss of its node not.

    Observed with Ray 2.60: for an actor whose process was killed it says that "its worker process has died"; an actor
    whose node lost power is unavailable first, and after the node's last heartbeat "its node has died".
    """
    if isinstance(error, OutOfMemoryError):
        return Fault.CANDIDATE
    died_alone = isinstance(error, ActorDiedError) and not error.preempted and "worker process has died" in str(error)
    return Fault.CANDIDATE if died_alone else Fault.MACHINE
