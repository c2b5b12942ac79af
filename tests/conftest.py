"""Settings of all tests."""

import logging

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def logging_as_at_the_start() -> None:
    """Undoes what commands run in this process, and libraries that they import, did to logging."""
    logging.disable(logging.NOTSET)
    for name in [n for n in logging.root.manager.loggerDict if n.split(".")[0] == "tiernas"]:
        logger = logging.getLogger(name)
        logger.disabled, logger.propagate = False, True
        logger.setLevel(logging.NOTSET)
