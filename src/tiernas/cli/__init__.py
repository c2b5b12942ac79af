"""The command line: one module per command group, no logic."""

from __future__ import annotations

import signal
import sys

from tiernas.errors import NotInstalledError, StoppedError, TiernasError
from tiernas.plain import plain_text

_TRAINING = ("torch", "tensorboard")
"""What the extra `train` installs; commands that neither train nor build networks do without."""


def main() -> None:
    """Runs the command line; an error of tiernas, like Ctrl-C, becomes one message on stderr and an exit code.

    `tiernas.cli.stopping` lets a command say what it keeps when it is stopped.
    """
    try:
        from tiernas.cli.environment import prepare

        prepare()
        from tiernas.cli.commands import app  # slow, so inside the handlers below

        app()
    except TiernasError as error:
        _end(error)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _TRAINING:
            raise
        _end(NotInstalledError(f"{missing}, which this command needs,", "train"))
    except SystemExit as error:
        if error.code == StoppedError.exit_code:  # how typer reports Ctrl-C, without a message
            _end(StoppedError("stopped"))
        raise
    except KeyboardInterrupt:
        _end(StoppedError("stopped"))


def _end(error: TiernasError) -> None:
    if isinstance(error, StoppedError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C during shutdown shows no trace
    sys.stderr.write(f"tiernas: {plain_text(str(error))}\n")
    sys.exit(error.exit_code)
