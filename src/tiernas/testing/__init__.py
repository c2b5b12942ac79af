"""Conformance suites: the author of a plug-in subclasses them and runs pytest."""
