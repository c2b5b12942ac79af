"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
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


def test_what_no_compared_row_has_is_left_out(opened: Opened) -> None:
    page = opened([dataclasses.replace(each, recipe={}, advice="") for each in EXACT])
    for name in ("best", "poor"):
        tick(page, name)
    lines = {row.locator("th").text_content() for row in page.locator("#compared tr").all()}
    assert "Seed" in lines
    assert not lines & {"Recipe", "Advice", "State of the device"}


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


def numbers(page: Page, selector: str, before: str) -> list[float]:
    """The numbers after a character in the chart's path."""
    drawn = page.locator(f"#chart {selector}").get_attribute("d") or ""
    return [float(number) for number in re.findall(rf"{before}([\d.]+)", drawn)]


def test_both_axes_are_named_with_units(opened: Opened) -> None:
    texts = opened().locator("#chart text").all_text_contents()
    assert {"Latency (ms, log scale)", "Accuracy (%)"} <= set(texts)


def test_a_line_ends_at_the_last_entry_that_is_more_accurate(opened: Opened) -> None:
    page = opened([*EXACT, made("slow", 2, 267)])
    assert numbers(page, ".solid", "H") == numbers(page, ".measured", "M")[1:2]
    assert numbers(page, ".dashed", "H") == numbers(page, ".measured", "M")[2:3]
    assert opened([made("fast", 0.2, 267), made("slow", 2, 267)]).locator("#chart .solid, #chart .dashed").count() == 0


def test_the_chart_is_drawn_again_for_another_width(opened: Opened) -> None:
    page = opened(viewport={"width": 1280, "height": 900})
    page.locator("#chart[viewBox^='0 0 960 ']").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#chart[viewBox^='0 0 37']").wait_for()


def test_the_chart_names_the_marker_that_is_pointed_at(opened: Opened) -> None:
    page = opened([dataclasses.replace(EXACT[0], test_images=None)])
    page.locator("#chart").scroll_into_view_if_needed()
    box = page.locator("#chart").bounding_box()
    assert box is not None
    x, y = numbers(page, ".measured", "M")[0], numbers(page, ".measured", " ")[0]
    page.mouse.move(box["x"] + x, box["y"] + y)
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


LONG = [
    made("digits-0.15-0.3-2-openvino-fp32-a3809ceb", 0.151, 267, latency_unstable=True),
    made("digits-0.3-0.6-1-openvino-fp32-4f43c447", 0.493, 265, latency_unstable=True),
]
WIDE = "e => e.scrollWidth - e.clientWidth"


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize(("width", "entries"), [(1280, LONG), (390, LONG), (390, [*LONG, *OTHERS])])
def test_name_and_figures_are_read_without_scrolling_sideways(
    opened: Opened, width: int, entries: list[Entry], script: bool
) -> None:
    page = opened(entries, bypass_csp=True, viewport={"width": width, "height": 844}, java_script_enabled=script)
    assert page.locator("html").evaluate(WIDE) <= 0
    assert page.get_by_role("region", name="Entries", exact=True).evaluate(WIDE) <= 0
    row = page.locator("#entries tbody tr").filter(has_text=LONG[0].name)
    for shown in ("th", "[data-label='Latency (ms)']", "[data-label=Accuracy]"):
        assert row.locator(shown).is_visible()


def test_a_phone_shows_what_differs_below_the_figures(opened: Opened) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    row = page.locator("#entries tbody tr").first
    figure, device = (row.locator(f"[data-label={label}]").bounding_box() for label in ("Accuracy", "Device"))
    assert figure is not None
    assert device is not None
    assert device["y"] >= figure["y"] + figure["height"]
    page.locator("th[data-key=accuracy] button").click()
    assert names(page)[0] == "best"


def test_the_chart_fits_a_phone_and_its_texts_do_not_overlap(opened: Opened) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    texts = [text.bounding_box() for text in page.locator("#chart text").all()]
    boxes = [(box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]) for box in texts if box]
    assert len(boxes) > 6
    assert all(left >= 0 and right <= 390 for left, _, right, _ in boxes)
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
