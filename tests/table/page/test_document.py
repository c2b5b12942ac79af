"""The page as a parser sees it: all of the table is there, nothing of it is markup, and nothing is loaded."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tiernas.errors import UsageError
from tiernas.table import DamagedEntry, Entry, ModelTable, write_page
from tiernas.table.page import page
from tiernas.table.page.record import LABELS, record, shown
from tiernas.table.provenance import Provenance
from tiernas.table.query import CONDITIONS
from tiernas.testing.entries import entry

VOID = {"meta", "input", "link", "img", "br", "path"}
HOSTILE = "</script></title><script>alert(1)</script>\"'&amp;<img src=x onerror=alert(2)>\x1b"
MOST_BYTES = 14_000
"""Of the script."""


class Reader(HTMLParser):
    """The elements of a document with their texts."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag in VOID:
            self.found.append((tag, dict(attrs), ""))
        else:
            self.open.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        opened, attributes, texts = self.open.pop()
        assert opened == tag
        self.found.append((tag, attributes, "".join(texts)))

    def handle_data(self, data: str) -> None:
        for _, _, texts in self.open:
            texts.append(data)

    def of(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        """Attributes and text of all elements of a kind."""
        return [(a, text) for name, a, text in self.found if name == tag and attributes.items() <= a.items()]


def read(entries: Sequence[Entry], damaged: Sequence[DamagedEntry] = ()) -> Reader:
    return Reader(page(entries, damaged, Path("model-table")))


def document_of(reader: Reader) -> Any:
    ((_, text),) = reader.of("script", id="data")
    return json.loads(text)


def close_ones() -> list[Entry]:
    """Two that tie and one that is worse, of 270 images."""
    return [
        dataclasses.replace(entry(name, latency_ms, right / 270), test_images=270)
        for name, latency_ms, right in [("poor", 0.2, 240), ("close", 0.5, 265), ("best", 0.9, 267)]
    ]


def test_every_entry_has_a_row_with_its_figures_and_provenance() -> None:
    reader = read(close_ones())
    assert [text.split("Provenance")[0] for _, text in reader.of("th", scope="row")] == ["poor", "close", "best"]
    rows = [text for _, text in reader.of("tr")][1:]
    assert "98.15 %95.7–99.2 tied" in rows[1]
    assert "98.89 %96.8–99.6 best" in rows[2]
    assert "0.5000.495–0.505" in rows[1]
    assert 'Recipe: {"epochs": 3}' in rows[0]
    assert "tiernas table export poor --output deploy" in rows[0]
    assert [text for _, text in reader.of("span", **{"class": "rank"})] == ["", "tied", "best"]


def test_an_entry_is_compared_with_the_rivals_of_its_kind() -> None:
    rivals = [
        dataclasses.replace(entry(name, ms, right / 270), test_images=270, network=name, rival=True, space="")
        for name, ms, right in [("fast", 1.0, 240), ("slow", 4.0, 267)]
    ]
    elsewhere = dataclasses.replace(entry("elsewhere", 0.5, 0.9), device="another")
    reader = read([*close_ones(), *rivals, elsewhere])
    rows = {
        a["value"]: text
        for (a, _), (_, text) in zip(reader.of("input", type="checkbox"), reader.of("tr")[1:], strict=True)
    }
    name, times = "close", 4.0 ** ((265 - 240) / (267 - 240)) / 0.5
    assert f"{times:.3g} times as fast as the rivals at equal accuracy (" in rows[name]
    assert "rival" in rows["fast"].split("Provenance")[0]
    assert "Known as: slow" in rows["slow"]
    assert all("times as fast" not in rows[name] for name in ("fast", "slow", "elsewhere"))
    records = {each["name"]: each for each in document_of(reader)["records"]}
    assert (records["fast"]["rival"], records["close"]["rival"], records["elsewhere"]["speed_up"]) == (True, False, "")


def test_what_is_the_same_in_all_entries_is_said_once() -> None:
    reader = read(close_ones())
    assert common(reader) == {
        "Device": "AMD EPYC",
        "Engine": "openvino",
        "Precision": "fp32",
        "Batch size": "1",
        "Threads": "1",
        "Data": "digits",
        "Input (px)": str(entry().resolution),
        "Parameters": "1",
        "Study": "digits",
        "Accuracy from": "measured",
    }
    assert columns(reader) == ["name", "latency_ms", "accuracy"]
    assert [a.get("data-label") for a, _ in reader.of("td")] == [None, "Latency (ms)", "Accuracy"] * 3
    assert reader.of("select") == []


def test_what_differs_has_a_column_and_a_filter() -> None:
    other = dataclasses.replace(entry("b", device="V100"), params=1_234_567)
    reader = read([entry("a"), other])
    assert columns(reader) == ["name", "latency_ms", "accuracy", "device", "params"]
    assert [text for _, text in reader.of("td", **{"data-label": "Device"})] == ["AMD EPYC", "V100"]
    assert [text for _, text in reader.of("td", **{"data-label": "Parameters"})] == ["1", "1,234,567"]
    assert [a["name"] for a, _ in reader.of("select")] == ["device"]
    assert not {"Device", "Parameters"} & common(reader).keys()


def common(reader: Reader) -> dict[str, str]:
    """What the page says of all entries."""
    labels, values = ([text for _, text in reader.of(tag)] for tag in ("dt", "dd"))
    return dict(zip(labels, values, strict=True))


def columns(reader: Reader) -> list[str | None]:
    return [a["data-key"] for a, _ in reader.of("th", scope="col") if "data-key" in a]


def test_marks_are_explained_where_they_stand() -> None:
    unsettled = dataclasses.replace(entry("a"), latency_unstable=True)
    published = dataclasses.replace(entry("b"), source="a paper, table 2", recommended=False, advice="int8 is slower")
    _, first, second = [text for _, text in read([unsettled, published]).of("tr")]
    assert "measured by an earlier version, and did not settle" in first
    assert "b published not recommendedint8 is slower" in second
    assert "Accuracy from: a paper, table 2" in second


def test_a_published_accuracy_has_a_link_to_its_source() -> None:
    published = dataclasses.replace(entry("b"), source="a paper", source_url="https://example.com/?a=1&b=2")
    reader = read([entry("a"), dataclasses.replace(published, network="timm:resnet18")])
    ((link, text),) = reader.of("a")
    assert (link["href"], text) == ("https://example.com/?a=1&b=2",) * 2
    assert [text for _, text in reader.of("option", value="a paper")] == ["a paper"]
    (command,) = [text for _, text in reader.of("code") if "resnet18" in text]
    assert command.startswith("tiernas latency measure timm:resnet18 --resolution")


def test_an_entry_of_an_earlier_version_has_no_interval() -> None:
    ((_, row),) = read([entry("a")]).of("tr")[1:]
    assert "90.00 % best" in row
    assert document_of(read([entry("a")]))["records"][0]["accuracy_low"] is None


def test_what_is_known_of_the_measurement_is_told() -> None:
    told = Provenance(
        1260, 267, 900, 3, 0.02, 0.1, {"before": {"power_w": 50}}, ("avx2",), "performance", None, None, "0.1.0 (ab)"
    )
    ((_, row),) = read([dataclasses.replace(entry("a"), provenance=told)]).of("tr")[1:]
    for line in (
        "Training images: 1260",
        "Timed inferences: 900",
        "Loads: 3",
        "Spread of the inferences (standard deviation / mean): 0.02",
        'State of the device: {"before": {"power_w": 50}}',
        'Flags of the device: ["avx2"]',
        "Frequency governor: performance",
        "Code that measured: 0.1.0 (ab)",
    ):
        assert line in row
    assert "Quantizer" not in row


def test_records_have_a_value_for_every_label() -> None:
    document = document_of(read(close_ones()))
    assert document["labels"] == LABELS
    assert [r["name"] for r in document["records"]] == ["poor", "close", "best"]
    assert all(list(r) == list(LABELS) for r in document["records"])
    assert all(isinstance(shown(key, value), str) for r in document["records"] for key, value in r.items())


def test_nothing_that_an_entry_says_is_markup() -> None:
    keys = ("device", "engine", "precision", "data", "study", "advice", "source", "space")
    texts: dict[str, Any] = dict.fromkeys(keys, HOSTILE)
    hostile = dataclasses.replace(entry("a"), **texts, recipe={HOSTILE: HOSTILE}, classes=(HOSTILE,))
    path = Path(f"/tmp/{HOSTILE.replace('/', '')}")
    damaged = [DamagedEntry(HOSTILE, HOSTILE)]
    alone, reader = Reader(page([hostile], damaged, path)), Reader(page([hostile, entry("b")], damaged, path))
    for one in (alone, reader):
        assert len(one.of("script")) == 3
        assert one.of("img") == []
        assert not [name for _, attributes, _ in one.found for name in attributes if name.startswith("on")]
    told = HOSTILE.replace("\x1b", "\\x1b")
    assert common(alone)["Device"] == told
    assert document_of(reader)["records"][0]["device"] == told
    assert any(told == text for _, text in reader.of("td"))
    assert [text for _, text in reader.of("option", value=told)] == [told] * 6
    assert [text for _, text in reader.of("li")] == [f"{told}: {told}"]


def test_nothing_is_loaded_from_anywhere() -> None:
    reader = read(close_ones())
    assert not [a for _, a, _ in reader.found if {"src", "href", "action", "srcset", "style"} & a.keys()]
    written = page(close_ones(), [], Path("model-table"))
    assert not re.search(r"https?:|url\(|@import", written)


def test_the_policy_allows_the_own_style_and_scripts_and_nothing_else() -> None:
    reader = read([entry()])
    ((meta, _),) = reader.of("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.strip().split(" ", 1) for part in (meta["content"] or "").split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    ((_, style),) = reader.of("style")
    scripts = [text for attributes, text in reader.of("script") if not attributes]
    assert policy["style-src"] == source(style)
    assert policy["script-src"].split() == [source(script) for script in scripts]


def source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_headings_and_controls_have_names() -> None:
    reader = read(close_ones())
    assert set(columns(reader)) <= LABELS.keys()
    assert [a["data-key"] for a, _ in reader.of("th", **{"aria-sort": "ascending"})] == ["latency_ms"]
    assert len(reader.of("select")) + len(reader.of("input", type="number")) == len(reader.of("label"))
    assert all(a["aria-label"] for a, _ in reader.of("input", type="checkbox"))
    ((root, _),) = reader.of("html")
    assert root["lang"] == "en"


def test_an_empty_table_is_a_page_too() -> None:
    assert document_of(read([]))["records"] == []


def test_data_of_one_name_are_told_apart() -> None:
    other = dataclasses.replace(entry("b"), data_digest="1" * 16)
    names = [r["data"] for r in document_of(read([entry("a"), other]))["records"]]
    assert names == [f"digits ({'0' * 16})", f"digits ({'1' * 16})"]


def test_the_script_is_small_and_knows_what_the_rest_says() -> None:
    folder = files("tiernas.table.page")
    script, style = (folder / "page.js").read_text("utf-8"), (folder / "page.css").read_text("utf-8")
    assert len(script.encode()) <= MOST_BYTES
    (kind,) = re.findall(r"const KIND = (\[.*?\]);", script)
    assert set(json.loads(kind)) == {*CONDITIONS, "data_digest"}
    (first,) = re.findall(r"const FIRST = (\d+);", script)
    assert f"tr:nth-child(n + {int(first) + 1})" in style
    (colors,) = re.findall(r"const COLORS = (\d+);", script)
    assert re.findall(r"^\.c(\d) ", style, re.MULTILINE) == [str(i) for i in range(int(colors))]


def test_keys_that_the_script_uses_are_in_records() -> None:
    script = (files("tiernas.table.page") / "page.js").read_text("utf-8")
    used = re.findall(r"\b(?:record|records\[i\]|a|b|better|worse|one|other|last|nearest)\.([a-z_]+)", script)
    assert len(set(used)) > 5
    assert set(used) <= record(entry(), "digits", "").keys()


def test_a_page_is_replaced_and_a_foreign_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    table, path = ModelTable(tmp_path / "table"), tmp_path / "new" / "table.html"
    assert write_page(table, path) == path
    assert write_page(table, path) == path
    assert path.read_text("utf-8").startswith("<!doctype html>")
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already and is not a page that tiernas wrote"):
        write_page(table, path)
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(table, tmp_path / "new" / "table.html" / "below.html")
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(table, tmp_path / "table")
    assert path.read_text() == "mine"
