from __future__ import annotations

import errno
import signal

import pytest
import torch
from torch.distributed import DistNetworkError

from tiernas.errors import NotInstalledError, UnreachableError, UsageError
from tiernas.executors import Blocked, Failed, Lost
from tiernas.executors.fault import Fault, ended_by, fault_of, fault_of_exit
from tiernas.training import TrainingDiverged


def caused(error: UsageError, cause: BaseException) -> UsageError:
    error.__cause__ = cause
    return error


def of_cuda(code: int) -> RuntimeError:
    error = torch.AcceleratorError("CUDA error")
    error.error_code = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (RuntimeError("expected 3 channels"), Fault.CANDIDATE),
        (MemoryError(), Fault.CANDIDATE),
        (torch.OutOfMemoryError("CUDA out of memory"), Fault.CANDIDATE),
        (of_cuda(700), Fault.CANDIDATE),  # an illegal address
        (of_cuda(100), Fault.MACHINE),  # no device
        (of_cuda(214), Fault.MACHINE),  # memory that cannot be corrected
        (DistNetworkError("connection closed by peer"), Fault.MACHINE),
        (TimeoutError("timed out"), Fault.MACHINE),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Fault.MACHINE),
        (OSError(errno.ESTALE, "Stale file handle"), Fault.MACHINE),
        (OSError(errno.EIO, "Input/output error"), Fault.MACHINE),
        (FileNotFoundError(errno.ENOENT, "gone"), Fault.MACHINE),
        (UnreachableError("storage does not answer"), Fault.MACHINE),
        (caused(UsageError("cannot write"), TimeoutError()), Fault.MACHINE),
        (caused(UsageError("cannot write"), OSError(errno.ESTALE, "Stale file handle")), Fault.MACHINE),
        (caused(UsageError("cannot write"), OSError(errno.ENOSPC, "full")), Fault.USER),
        (OSError(errno.ENOSPC, "full"), Fault.USER),
        (OSError(errno.EDQUOT, "full"), Fault.USER),
        (PermissionError(errno.EACCES, "denied"), Fault.USER),
        (OSError(errno.EROFS, "read-only"), Fault.USER),
        (UsageError("no such folder"), Fault.USER),
        (NotInstalledError("timm", "timm"), Fault.USER),
        (ModuleNotFoundError("No module named 'timm'"), Fault.USER),
    ],
)
def test_whose_fault_an_error_is(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) is fault
    assert type(ended_by(error, 1)) is {Fault.CANDIDATE: Failed, Fault.MACHINE: Lost, Fault.USER: Blocked}[fault]


def test_how_a_job_ends_by_an_error_is_one_line() -> None:
    assert ended_by(RuntimeError("a\n  b"), 3) == Failed(3, "RuntimeError: a b", retry=True)
    assert ended_by(TimeoutError("a\nb"), 3) == Lost(3, "TimeoutError: a b")
    assert ended_by(OSError(errno.ENOSPC, "full"), 3) == Blocked(3, "OSError: [Errno 28] full; free some space")
    diverged = TrainingDiverged("the loss", epoch=1, step=2, loss=float("nan"))
    assert ended_by(diverged, 3) == Failed(3, str(diverged), retry=False)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (-signal.SIGKILL, Fault.CANDIDATE),  # as the system does that has no memory left
        (-signal.SIGSEGV, Fault.CANDIDATE),
        (1, Fault.CANDIDATE),
        (-signal.SIGTERM, Fault.MACHINE),
        (-signal.SIGINT, Fault.MACHINE),
        (-signal.SIGHUP, Fault.MACHINE),
        (None, Fault.MACHINE),
    ],
)
def test_whose_fault_the_end_of_a_process_is(code: int | None, fault: Fault) -> None:
    assert fault_of_exit(code) is fault
