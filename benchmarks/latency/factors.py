"""Measures the factors of gpunet_0 on this machine at 224 pixels: OpenVINO fp32 and int8, ONNX Runtime fp32.

Takes about 40 minutes, most of them for quantizing: python benchmarks/latency/factors.py
Writes the measurements and the figure to benchmarks/latency/results. It can be stopped and resumed; at most the values
of one factor are measured again.
"""

from __future__ import annotations

import time
from pathlib import Path

from tiernas.engines import Measurement, get_engine
from tiernas.latency.factors import Factor, base_network, measure_factors, plot_factors

RESULTS = Path(__file__).parent / "results"
NAME = "factors-gpunet_0-224"
ENGINES = (("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "fp32"))


def main() -> None:
    begin = time.monotonic()
    engines = [get_engine(name, precision=precision) for name, precision in ENGINES]
    base = base_network("gpunet_0", resolution=224)
    study = measure_factors(base, engines, path=RESULTS / f"{NAME}.json", progress=show)
    plot_factors(study, RESULTS / f"{NAME}.png")
    base_ms = study.base_ms()
    for engine in base_ms:
        print(f"{engine}: base {base_ms[engine]:.2f} ms")
        for factor in Factor:
            found = [cost for cost in study.costs() if cost.factor is factor and cost.engine == engine]
            shown = (f"{c.label} {c.ratio:.2f}{'?' if c.unstable else ''} ({c.macs_ratio:.2f})" for c in found)
            print(f"  {factor}: {', '.join(shown)}")
    print(f"latency ratios, those of multiply-accumulates in brackets; {time.monotonic() - begin:.0f} s")


def show(done: int, wanted: int, what: str, found: Measurement) -> None:
    print(f"{done}/{wanted} {what}: {found.latency_ms:.3f} ms{' unstable' if found.unstable else ''}", flush=True)


if __name__ == "__main__":
    main()
