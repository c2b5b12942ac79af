"""The command line: one module per command group, no logic."""

from __future__ import annotations

import signal
import sys

from tiernas.errors import StoppedError, TiernasError
from tiernas.plain import plain_text


def main() -> None:
    """Runs the command line; errors of tiernas are one message on stderr and an exit code, and so is Ctrl-C.

    A command that keeps something when it is stopped says what, see `tiernas.cli.stopping`.
    """
    try:
        from tiernas.cli.environment import prepare

        prepare()
        from tiernas.cli.commands import app  # within reach of the handlers below: it takes a moment

        app()
    except TiernasError as error:
        _end(error)
    except SystemExit as error:
        if error.code == StoppedError.exit_code:  # typer's word for Ctrl-C, without a word to the user
            _end(StoppedError("stopped"))
        raise
    except KeyboardInterrupt:
        _end(StoppedError("stopped"))


def _end(error: TiernasError) -> None:
    if isinstance(error, StoppedError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # once more, while threads and files are closed: without a trace
    sys.stderr.write(f"tiernas: {plain_text(str(error))}\n")
    sys.exit(error.exit_code)
