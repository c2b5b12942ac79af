"""What an error is attributed to: the only place that decides it, for workers, storage and Ray.

Only errors that the network may have caused count against its candidate.
"""

from __future__ import annotations

import enum
import errno
import signal

from tiernas.errors import UnreachableError, UsageError
from tiernas.executors.executor import Blocked, Event, Failed, Lost
from tiernas.training.errors import TrainingDiverged


class Fault(enum.Enum):
    """What has to change for training to succeed.

    CANDIDATE: The network may be the cause; it has three attempts. MACHINE: Another machine, or another moment, helps.
    USER: Nothing continues until the user fixes something.
    """

    CANDIDATE = "candidate"
    MACHINE = "machine"
    USER = "user"


_FULL = {errno.ENOSPC, errno.EDQUOT}
"""The disk, or the user's share of it, is full."""

_USERS = {*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}
"""Conditions that persist until the user changes something."""

_PASSING = {
    *(errno.ETIMEDOUT, errno.ESTALE, errno.EIO, errno.EREMOTEIO, errno.EAGAIN, errno.EBUSY, errno.EINTR),
    *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN),
    *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET),
}
"""A network, a mount or a disk that does not answer now."""

_OF_THE_CODE = {2, 700, 710, 714, 715, 716, 717, 718, 719}
"""CUDA errors (`cudaError_t`) caused by the running code: out of memory, illegal address, failed assertion, misaligned
or invalid access, illegal instruction, failed launch. All others are attributed to the device or its driver."""

_ENDED_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPWR}
"""Signals sent by a machine that shuts down, or by a person."""


def fault_of(error: BaseException) -> Fault:
    """What an error raised by training is attributed to."""
    if isinstance(error, UnreachableError):
        return Fault.MACHINE
    if isinstance(error, UsageError):
        return Fault.MACHINE if _is_passing(error.__cause__) else Fault.USER
    if isinstance(error, ImportError):
        return Fault.USER
    if isinstance(error, OSError):
        return Fault.USER if error.errno in _USERS else Fault.MACHINE
    return Fault.MACHINE if _is_of_the_device(error) else Fault.CANDIDATE


def fault_of_exit(code: int | None) -> Fault:
    """What the end of a training process is attributed to.

    Args:
        code: Its exit code, negative for a signal; None if it only closed its connection. `SIGKILL` is what a system
            out of memory sends, so the network may be the cause.
    """
    return Fault.MACHINE if code is None or -code in _ENDED_FROM_OUTSIDE else Fault.CANDIDATE


def ended_by(error: BaseException, job_id: int) -> Failed | Lost | Blocked:
    """The last event of a job that raised an error."""
    if isinstance(error, TrainingDiverged):
        return Failed(job_id, str(error), retry=False)
    return ended(fault_of(error), job_id, reason_of(error))


def leaves_doubt(event: Event) -> bool:
    """Whether a job's last event may leave its process in a bad state; divergence does not."""
    return isinstance(event, Lost) or (isinstance(event, Failed) and event.retry)


def ended(fault: Fault, job_id: int, reason: str) -> Failed | Lost | Blocked:
    """The last event of a job without a result, given what it is attributed to."""
    match fault:
        case Fault.CANDIDATE:
            return Failed(job_id, reason, retry=True)
        case Fault.MACHINE:
            return Lost(job_id, reason)
        case Fault.USER:
            return Blocked(job_id, reason)


def _is_passing(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and (isinstance(error, TimeoutError | ConnectionError) or error.errno in _PASSING)


def _is_of_the_device(error: BaseException) -> bool:
    from torch import AcceleratorError
    from torch.distributed import DistError

    if isinstance(error, AcceleratorError):
        return getattr(error, "error_code", None) not in _OF_THE_CODE
    return isinstance(error, DistError)


def reason_of(error: BaseException) -> str:
    """What an error says, in one line unless it was written for users."""
    if isinstance(error, UnreachableError | UsageError):
        return str(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{text}; free some space" if isinstance(error, OSError) and error.errno in _FULL else text
