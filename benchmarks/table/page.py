"""How long the page of a large model table takes in a browser, and what it looks like.

From the root of the repository, installed with the extra `dev` and with Debian's Chromium, on a quiet machine:

    .venv/bin/python benchmarks/table/page.py [TABLE]

It writes results/page.json with the seconds from opening a page of 10,000 made-up entries until its rows are there, and
from a choice in a filter until the filtered rows are, medians of five; and with a model table also the pictures
docs/table-light.png, docs/table-dark.png and docs/table-phone.png (scrolled to the entries).
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Browser, sync_playwright

from tiernas.table import Entry, ModelTable, write_page
from tiernas.table.page import page as page_of
from tiernas.testing.entries import entry

RESULT = Path(__file__).parent / "results" / "page.json"
DOCS = Path(__file__).parents[2] / "docs"
CHROMIUM = "/usr/bin/chromium"
ENTRIES, REPEATS = 10_000, 5
SCREENS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


def many() -> list[Entry]:
    """Made-up entries of 4 devices, 3 engines and 2 precisions, on 10,000 test images."""
    rng = np.random.default_rng(0)
    latency_ms = np.sort(rng.lognormal(0, 1, ENTRIES))
    accuracy = np.clip(0.7 + 0.05 * np.log(latency_ms) + rng.normal(0, 0.02, ENTRIES), 0.1, 0.99)
    engines, precisions = ("openvino", "onnxruntime", "tensorrt"), ("fp32", "int8")
    return [
        dataclasses.replace(
            entry(f"entry-{i}", float(latency_ms[i]), float(accuracy[i]), device=f"Device {i % 4}"),
            engine=engines[i % 3],
            precision=precisions[i % 2],
            test_images=10_000,
        )
        for i in range(ENTRIES)
    ]


def measure(browser: Browser, file: Path) -> dict[str, float]:
    """Seconds for opening and for filtering a page, medians."""
    opened_s, filtered_s = [], []
    for _ in range(REPEATS):
        page = browser.new_page()
        begin = time.monotonic()
        page.goto(file.as_uri())
        page.locator("#status", has_text=f"{ENTRIES} of").wait_for()
        opened_s.append(time.monotonic() - begin)
        begin = time.monotonic()
        page.locator("select[name=device]").select_option("Device 1")
        page.locator("#status", has_text=f"{ENTRIES // 4} of").wait_for()
        page.locator("#entries tbody tr").first.bounding_box()  # it is laid out
        filtered_s.append(time.monotonic() - begin)
        page.close()
    return {"open_s": round(statistics.median(opened_s), 2), "filter_s": round(statistics.median(filtered_s), 3)}


def take_pictures(browser: Browser, table: ModelTable) -> None:
    """Screenshots of a table's page."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_page(table, Path(folder) / "table.html")
        for name, screen in SCREENS.items():
            context = browser.new_context(**screen)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(file.as_uri())
            if name == "phone":
                page.locator("#entries").evaluate("entries => entries.scrollIntoView()")
            page.screenshot(path=DOCS / f"table-{name}.png")
            context.close()


def main(table: Path | None) -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        file = Path(folder) / "table.html"
        file.write_text(page_of(many(), [], Path("model-table")), "utf-8")
        figures = {"entries": ENTRIES, "megabytes": round(file.stat().st_size / 1e6, 1), **measure(browser, file)}
        figures |= {"chromium": browser.version, "cores": psutil.cpu_count()}
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(figures, indent=1) + "\n")
        print(figures)
        if table is not None:
            take_pictures(browser, ModelTable(table))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
