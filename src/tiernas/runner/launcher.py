"""The beginning of every program for devices; written such that Python 2 and 3 of any version can read it."""

import sys

if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit(
        "tiernas: "
        + (sys.executable or "this Python")
        + " is version "
        + sys.version.split()[0]
        + "; measuring needs Python 3.9 or newer on the device"
    )
try:
    import numpy  # noqa: F401
except ImportError as error:
    from tiernas.runner.pip_command import pip_command

    sys.exit("tiernas: NumPy is missing (" + str(error) + "); install it with: " + pip_command("numpy"))
