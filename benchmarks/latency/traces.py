"""Records turns of networks as measured by the clock, for simulations of the coverage of its interval (`coverage.py`).

    python benchmarks/latency/traces.py
    python benchmarks/latency/traces.py --beside

Each trace is two minutes of one engine and precision: rows of one turn of every network, without a pause. Writes
results/traces/*.npz: `S` (`n`, start of each row in s), `T` (`n x networks`, turns in ms), `names`. A turn is one
inference of a slow network, or several of a fast one, which is reloaded every second. `--beside` records next to the
neighbor of `tiernas.testing`.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np

from tiernas.engines import CompiledNetwork, Engine, get_engine
from tiernas.engines.clock.turns import Player
from tiernas.engines.lock import device_lock
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.latency.measuring.subject import find_subject
from tiernas.spaces import get_space
from tiernas.testing.neighbour import neighbour

LARGE = ("gpunet_0", "gpunet_1")
SMALL = ("timm:mobilenetv3_large_100", "timm:efficientnet_b0")
TINY = tuple(",".join(map(str, rung.vector)) for rung in rungs_of(get_space("gpunet-small"))[:2])
TRACES = {
    "openvino-fp32": ("openvino", "fp32", LARGE),
    "openvino-int8": ("openvino", "int8", LARGE),
    "onnxruntime-fp32": ("onnxruntime", "fp32", LARGE),
    "openvino-fp32-small": ("openvino", "fp32", SMALL),
    "openvino-fp32-tiny": ("openvino", "fp32", TINY),
}
"""Engine, precision and networks, the anchor first."""

SEED = 0
RELOAD_S = 1.0
RESULTS = Path(__file__).parent / "results" / "traces"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="*", help=f"of {', '.join(TRACES)} (default: all)")
    parser.add_argument("--beside", action="store_true", help="beside the neighbour")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each trace (default: 120)")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where to write (default: results/traces)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.traces or TRACES:
        engine, precision, networks = TRACES[name]
        path = arguments.folder / f"{name}{'-beside' if arguments.beside else ''}.npz"
        record(path, engine, precision, networks, arguments.seconds, beside=arguments.beside)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


def record(path: Path, engine: str, precision: str, names: tuple[str, ...], seconds: float, *, beside: bool) -> None:
    """Writes one trace."""
    compiler = get_engine(engine, precision=precision)
    starts_s, rows_ms = [], []
    with ExitStack() as stack:
        networks = compile_all(names, compiler, stack)
        stack.enter_context(device_lock(networks[0].fingerprint.device_slug))
        stack.enter_context(neighbour(SEED) if beside else nullcontext())
        players = [Player(network) for network in networks]
        stack.callback(gc.enable)
        gc.disable()
        begin = loaded_at = time.perf_counter()
        while (start_s := time.perf_counter() - begin) < seconds:
            starts_s.append(start_s)
            rows_ms.append([player.turn_ms() for player in players])
            if time.perf_counter() - loaded_at >= RELOAD_S:
                for player in players:
                    if player.is_fast:
                        player.reload()
                loaded_at = time.perf_counter()
    np.savez_compressed(path, S=np.array(starts_s, np.float32), T=np.array(rows_ms, np.float32), names=names)


def compile_all(names: Sequence[str], engine: Engine, stack: ExitStack) -> list[CompiledNetwork]:
    """Compiles networks; the stack frees them."""
    networks = []
    for name in names:
        with find_subject(name, space="gpunet-small").onnx_file(1) as path:
            networks.append(stack.enter_context(engine.compile(path)))
    return networks


if __name__ == "__main__":
    main()
