"""Measures the cost of Swish and hard-swish on each CPU engine, for EfficientNet-Lite0's stage plan at 128 pixels.

Each network is interleaved with the same network with ReLU: python benchmarks/latency/activations.py
Writes results/activations.json. Takes about two minutes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tiernas.engines import TurnRule, get_engine
from tiernas.engines.fingerprint import cpu_device
from tiernas.networks import export_untrained
from tiernas.spaces import Architecture, get_space

RESULT = Path(__file__).parent / "results" / "activations.json"
SPACE = get_space("mobile")
LITE0 = (
    (0, 16, 3, 1, 1),
    (1, 24, 3, 6, 2),
    (1, 40, 5, 6, 2),
    (1, 80, 3, 6, 3),
    (1, 112, 5, 6, 3),
    (1, 192, 5, 6, 4),
    (1, 320, 3, 6, 1),
)
"""Block, filters, kernel, expansion and layers of each stage."""
ACTIVATIONS = {"relu": 0, "swish": 1, "hard_swish": 2}
RULE = TurnRule(relative_width=0.01, min_s=3.0, limit_s=10.0, reload_s=1.0)


def network(activation: str, squeeze: bool) -> Architecture:
    act = ACTIVATIONS[activation]
    stages = [
        value
        for block, filters, kernel, expansion, layers in LITE0
        for value in (block, filters, kernel, expansion, int(squeeze), act, layers)
    ]
    return SPACE.decode([128, 32, act, *stages, 1280, act])


def main() -> None:
    rows = []
    for name in ("openvino", "onnxruntime"):
        for precision in ("fp32", "int8"):
            engine = get_engine(name, precision=precision)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "network.onnx"
                export_untrained(network("relu", squeeze=False), 1000, path)
                with engine.compile(path) as relu:
                    anchor = relu.anchor("relu")
                    for activation in ACTIVATIONS:
                        for squeeze in (False, True):
                            if (activation, squeeze) == ("relu", False):
                                continue
                            export_untrained(network(activation, squeeze), 1000, path)
                            with engine.compile(path) as other:
                                found = anchor.measure(other, RULE).in_turn
                            assert found is not None
                            rows.append(
                                {
                                    "engine": name,
                                    "precision": precision,
                                    "activation": activation,
                                    "squeeze_excite": squeeze,
                                    "ratio": round(found.ratio, 3),
                                    "ratio_low": round(found.ratio_low, 3),
                                    "ratio_high": round(found.ratio_high, 3),
                                }
                            )
                            print(rows[-1], flush=True)
    RESULT.write_text(json.dumps({"device": cpu_device(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
