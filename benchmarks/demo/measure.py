"""Time and peak memory of `make demo` from an empty folder, and of a second call.

From the root of the repository, installed, on a quiet machine, some nine minutes:

    .venv/bin/python benchmarks/demo/measure.py

It deletes runs/digits and the demo's entries, and writes results/demo.json.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import psutil

RESULT = Path(__file__).parent / "results" / "demo.json"


def demo() -> tuple[float, int]:
    """Seconds, and the peak memory in MiB of all processes together (shared pages count once for each)."""
    begin, peak = time.monotonic(), 0
    process = psutil.Popen(["make", "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        held = 0
        for child in process.children(recursive=True):
            try:
                held += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak = max(peak, held)
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"make demo exited with {process.returncode}")
    return time.monotonic() - begin, peak // 2**20


def main() -> None:
    for folder in [Path("runs/digits"), *Path("model-table").glob("digits-*")]:
        shutil.rmtree(folder, ignore_errors=True)
    first_s, peak_mib = demo()
    second_s, _ = demo()
    figures = {
        "first_s": round(first_s, 1),
        "second_s": round(second_s, 1),
        "peak_mib": peak_mib,
        "cores": psutil.cpu_count(),
    }
    RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    print(figures)


if __name__ == "__main__":
    main()
