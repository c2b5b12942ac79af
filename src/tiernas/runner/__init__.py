"""Measures networks on a device that has Python 3.9, NumPy and a runtime, without torch and without tiernas.

`write_runner` packs it into one file, which speaks JSON lines over stdin and stdout (`protocol.py`).
"""
