"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tiernas.table import Entry
from tiernas.table.page import page as page_of
from tiernas.testing.entries import entry

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium")

Opened = Callable[..., "Page"]


def made(name: str, latency_ms: float, right: int, **changes: Any) -> Entry:
    """An entry with some of 270 images right."""
    return dataclasses.replace(entry(name, latency_ms, right / 270), test_images=270, **changes)


EXACT = [made("poor", 0.2, 240), made("close", 0.5, 265), made("best", 0.9, 267)]
OTHERS = [
    made("int8", 0.3, 241, precision="int8"),
    made("v100", 0.1, 250, device="=V100", engine="tensorrt"),
    made("paper", 0.6, 255, device="=V100", engine="tensorrt", source="a paper"),
]
ENTRIES = [*EXACT, *OTHERS]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens the page of entries in a context of its own; at the end nothing may have gone wrong in any."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def refuse(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error":
            wrong.append(said.text)

    def opened(entries: Sequence[Entry] = ENTRIES, address: str = "", **options: Any) -> Page:
        file = tmp_path / "table.html"
        in_order = sorted(entries, key=lambda e: e.latency_ms)
        file.write_text(page_of(in_order, [], Path("model-table")), "utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", refuse)
        page.on("console", hear)
        page.goto(address or file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def names(page: Page) -> list[str | None]:
    return [box.get_attribute("value") for box in page.locator("#entries tbody input").all()]


def marks(page: Page) -> list[str]:
    found: list[str] = page.locator("#entries tbody .rank").all_text_contents()
    return found


def tick(page: Page, name: str) -> None:
    page.get_by_role("checkbox", name=f"Compare {name}", exact=True).click()


def test_columns_sort_both_ways_by_keyboard(opened: Opened) -> None:
    page = opened()
    assert names(page) == ["v100", "poor", "int8", "close", "paper", "best"]
    heading = page.locator("th[data-key=accuracy]")
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert names(page) == ["best", "close", "paper", "v100", "int8", "poor"]
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.locator("th[aria-sort]").count() == 1
    page.keyboard.press("Enter")
    assert names(page) == ["poor", "int8", "v100", "paper", "close", "best"]
    assert heading.get_attribute("aria-sort") == "ascending"
    page.locator("th[data-key=device] button").click()
    assert names(page)[:2] == ["v100", "paper"]


def test_filters_leave_what_is_asked_for_and_marks_follow_the_budget(opened: Opened) -> None:
    page = opened()
    assert marks(page) == ["tied", "", "", "tied", "best", "best"]
    page.get_by_label("Device").select_option("AMD EPYC")
    page.get_by_label("Precision").select_option("fp32")
    assert names(page) == ["poor", "close", "best"]
    assert page.locator("#status").text_content() == "3 of 6 entries"
    page.get_by_label("Latency at most (ms)").fill("0.6")
    assert names(page) == ["poor", "close"]
    assert marks(page) == ["", "best"]
    page.get_by_label("Accuracy at least (%)").fill("95")
    assert names(page) == ["close"]
    page.get_by_role("button", name="Clear").click()
    page.locator("#status", has_text="6 of 6").wait_for()
    assert len(names(page)) == 6


def test_marks_are_those_that_are_written_without_a_script(opened: Opened) -> None:
    assert marks(opened()) == marks(opened(java_script_enabled=False))


def test_what_is_chosen_is_in_the_address_and_comes_back(opened: Opened) -> None:
    page = opened()
    page.get_by_label("Engine").select_option("openvino")
    page.get_by_label("Latency at most (ms)").fill("0.9")
    page.locator("th[data-key=accuracy] button").click()
    tick(page, "best")
    tick(page, "close")
    page.wait_for_url(re.compile("compare=best%2Cclose$"))
    assert "#engine=openvino&max_latency_ms=0.9&sort=-accuracy&compare=" in page.url
    again = opened(address=page.url)
    assert names(again) == names(page) == ["best", "close", "int8", "poor"]
    assert again.get_by_label("Engine").input_value() == "openvino"
    assert again.locator("th[data-key=accuracy]").get_attribute("aria-sort") == "descending"
    assert again.locator("#comparison").is_visible()
    assert again.get_by_role("checkbox", name="Compare best", exact=True).is_checked()
    address = page.url.split("#")[0]
    other = opened(address=f"{address}#device=nothing&sort=nothing&compare=nothing,best&max_latency_ms=fast")
    assert len(names(other)) == 6


def test_two_to_four_rows_are_compared(opened: Opened) -> None:
    page = opened()
    assert not page.locator("#comparison").is_visible()
    for name in ("best", "v100", "int8", "poor"):
        tick(page, name)
    lines = {row.locator("th").text_content(): row for row in page.locator("#compared tr").all()}
    assert lines["Name"].locator("td").all_text_contents() == ["best", "v100", "int8", "poor"]
    assert lines["Accuracy"].locator("td").first.text_content() == "98.89 %"
    assert lines["Engine"].get_attribute("class") == "differs"
    assert lines["Batch size"].get_attribute("class") is None
    assert "Quantizer" not in lines
    tick(page, "close")
    assert page.locator("#done").text_content() == "At most 4 rows can be compared."
    assert not page.get_by_role("checkbox", name="Compare close", exact=True).is_checked()


def test_the_command_of_a_row_is_copied(opened: Opened) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    row = page.locator("#entries tbody tr").filter(has_text="Provenance of close")
    row.locator("summary").click()
    row.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied.").wait_for()
    other = page.context.new_page()
    other.set_content("<textarea></textarea>")
    other.locator("textarea").press("Control+v")
    assert other.locator("textarea").input_value() == "tiernas table export close --output deploy"


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_filtered_rows_are_downloaded(opened: Opened, kind: str) -> None:
    page = opened()
    page.get_by_label("Device").select_option("=V100")
    with page.expect_download() as download:
        page.locator(f"#{kind}").click()
    assert download.value.suggested_filename == f"table.{kind}"
    text = Path(download.value.path()).read_text("utf-8")
    rows = json.loads(text) if kind == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["v100", "paper"]
    assert float(rows[0]["accuracy"]) == 250 / 270
    assert rows[0]["device"] == ("=V100" if kind == "json" else "'=V100")  # a spreadsheet would run a formula


def test_the_chart_has_a_line_per_device_engine_and_precision(opened: Opened) -> None:
    page = opened()
    assert page.locator("#legend li").count() == 3
    assert page.locator("#chart .dashed").count() == 2  # close to best, and v100 to paper
    assert page.locator("#chart .published").count() == 1
    assert "6 entries" in (page.locator("#chart").get_attribute("aria-label") or "")
    page.get_by_label("Device").select_option("AMD EPYC")
    assert page.locator("#legend li").all_text_contents() == ["fp32", "int8"]
    page.get_by_label("Latency at most (ms)").fill("0.01")
    assert page.locator("#chart path").count() == 0


def test_the_chart_names_the_marker_that_is_pointed_at(opened: Opened) -> None:
    page = opened([dataclasses.replace(EXACT[0], test_images=None)])
    page.locator("#chart").scroll_into_view_if_needed()
    box = page.locator("#chart").bounding_box()
    assert box is not None
    scale = box["width"] / 720  # the only entry is in the middle of the axes
    page.mouse.move(box["x"] + (60 + 648 / 2) * scale, box["y"] + (10 + 344 / 2) * scale)
    assert (page.locator("#point").text_content() or "").startswith("poor: 0.2 ms")


def test_many_rows_are_drawn_when_asked_for(opened: Opened) -> None:
    many = [made(f"n{i:03}", 0.1 + i / 1000, 200) for i in range(250)]
    page = opened(many)
    assert page.locator("#entries tbody tr").count() == 200
    page.get_by_role("button", name="Show all 250 rows").click()
    assert page.locator("#entries tbody tr").filter(visible=True).count() == 250
    plain = opened(many, java_script_enabled=False)
    assert plain.locator("#entries tbody tr").filter(visible=True).count() == 250


def test_the_table_is_readable_without_a_script(opened: Opened) -> None:
    page = opened(java_script_enabled=False)
    for hidden in ("#filters", "#comparison", "#chart", "#csv", "#more"):
        assert not page.locator(hidden).is_visible()
    assert not page.locator("#entries input").first.is_visible()
    row = page.locator("#entries tbody tr").first
    row.locator("summary").click()
    assert row.get_by_text("Engine version: 2026.1").is_visible()


def test_what_an_entry_says_is_never_run(opened: Opened) -> None:
    text = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    hostile = made("a", 0.5, 260, device=text, data=text, source=text, recipe={text: text})
    page = opened([hostile, made("b", 0.6, 261)])
    tick(page, "a")
    tick(page, "b")
    assert page.locator("#entries img, #compared img").count() == 0
    assert text in (page.locator("#compared").text_content() or "")
    page.get_by_label("Device").select_option(text)
    assert names(page) == ["a"]


SCREENS: list[dict[str, Any]] = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
]


@pytest.mark.parametrize("screen", SCREENS, ids=["light", "dark", "phone"])
def test_axe_finds_nothing(opened: Opened, screen: dict[str, Any]) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing: pip install axe-playwright-python"
    )
    page = opened(bypass_csp=True, **screen)  # axe is put into the page
    tick(page, "best")
    tick(page, "v100")
    page.locator("#entries summary").first.click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_phone_shows_the_page_without_scrolling_sideways(opened: Opened) -> None:
    page = opened(bypass_csp=True, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not page.locator("th[data-key=device]").is_visible()
    assert page.locator("th[data-key=accuracy]").is_visible()
