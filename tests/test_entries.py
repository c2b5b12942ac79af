from __future__ import annotations

import datetime as dt
from pathlib import Path

from tiernas.config import load_config
from tiernas.engines import Fingerprint
from tiernas.entries import make_entry
from tiernas.ledger import Candidate, Purpose, State, Study
from tiernas.testing.entries import SPACE, VECTOR
from tiernas.training import load_data


def test_an_entry_names_what_it_was_measured_on_whatever_is_installed_now() -> None:
    measured_on = Fingerprint("Some CPU", "openvino", "2021.4", "fp32", 1, 2)
    config = load_config(Path(__file__).parents[1] / "examples" / "digits.toml")
    latency = {"latency_ms": 0.2, "low_ms": 0.19, "high_ms": 0.21, "unstable": False}
    finalist = Candidate(
        number=0,
        purpose=Purpose.FINAL,
        vector=[int(v) for v in VECTOR],
        digest=SPACE.decode(VECTOR).digest,
        estimated_latency_ms=0.25,
        measurement=latency | {"fingerprint": measured_on.to_dict()},
        state=State.DONE,
        accuracy=0.9,
        result={"test_accuracy": 0.8},
        finished_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    entry = make_entry(config, Study(name="0.15-0.3"), finalist, SPACE.decode(VECTOR), load_data(config.data))
    assert (entry.device, entry.engine_version, entry.threads) == ("Some CPU", "2021.4", 2)
    assert (entry.latency_ms, entry.accuracy, entry.validation_accuracy) == (0.2, 0.8, 0.9)
    assert entry.name == "digits-0.15-0.3-1"
