"""`python -m tiernas`."""

from tiernas.cli import main

main()
