from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import Measurement
from tiernas.errors import UsageError
from tiernas.testing.latency import measurement

_TIMES = st.floats(1e-6, 1e7)


@given(
    st.builds(
        Measurement,
        *[_TIMES] * 6,
        cv=st.floats(0, 10),
        runs=st.integers(1, 10**6),
        preemptions=st.integers(0, 10**6),
        unstable=st.booleans(),
        device_state=st.dictionaries(st.text(), st.floats(allow_nan=False)),
        loads=st.integers(1, 100),
    )
)
def test_round_trip(found: Measurement) -> None:
    assert Measurement.from_dict(json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_earlier_and_later_versions_are_read() -> None:
    data = dataclasses.asdict(measurement(2.0))
    for name in ("loads", "load_cv", "other_load", "device_state"):
        del data[name]
    assert Measurement.from_dict(data | {"anchor_ms": 1.0}) == measurement(2.0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("latency_ms", 0.0, "latency_ms = 0.0: must be a number of ms from 1e-06 to 1e"),
        ("low_ms", "1", "low_ms = '1': must be a number of ms"),
        ("p90_ms", math.nan, "p90_ms = nan"),
        ("p95_ms", True, "p95_ms = True"),
        ("p99_ms", 10**400, "p99_ms = 1000.*0: must"),
        ("cv", math.inf, "cv = inf: must be a number, 0 or more"),
        ("runs", 0, "runs = 0: must be a whole number, at least 1"),
        ("preemptions", 1.0, "preemptions = 1.0: must be a whole number, at least 0"),
        ("unstable", 1, "unstable = 1: must be true or false"),
        ("device_state", [], r"device_state = \[\]: must be an object"),
        ("load_cv", None, "load_cv = None: must be a number"),
    ],
)
def test_wrong_values_are_named(key: str, value: object, message: str) -> None:
    data = dataclasses.asdict(measurement(2.0))
    with pytest.raises(UsageError, match=message):
        Measurement.from_dict(data | {key: value})


def test_missing_key_is_named() -> None:
    data = dataclasses.asdict(measurement(2.0))
    del data["runs"]
    with pytest.raises(UsageError, match="key 'runs' is missing"):
        Measurement.from_dict(data)
    with pytest.raises(UsageError, match="must be an object, not list"):
        Measurement.from_dict([])  # type: ignore[arg-type]
