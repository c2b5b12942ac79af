"""The documentation as a site: it builds without a warning, all of it is there, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt
from pydantic import BaseModel
from tests.cli.test_help import COMMANDS, PROGRAM

from tiernas.config import SearchConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COUNTED = {"li", "table", "tr", "pre", "h1", "h2", "h3", "blockquote", "img"}


class Html(HTMLParser):
    """What the tests need to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.content: Counter[str] = Counter()
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if "src" in values or (tag == "link" and values.get("rel") in ("stylesheet", "preconnect", "icon")):
            self.loaded.append(values.get("src") or values["href"])
        self._inside |= tag == "article"
        if self._inside and tag in COUNTED:
            self.content[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "article"


class Site:
    """A site that was built."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: Mapping[str, Html] = {
            path.relative_to(folder).as_posix(): Html(path.read_text("utf-8")) for path in folder.rglob("*.html")
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=250, check=False)
    assert built.returncode == 0, built.stderr
    return Site(folder)


def test_every_page_is_in_the_navigation() -> None:
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    named = Counter(navigated(configuration["nav"]))
    assert not [page for page, times in named.items() if times > 1]
    assert not [path.name for path in DOCS.rglob("*.md") if path.relative_to(DOCS).as_posix() not in named]
    assert set(configuration["validation"]["links"].values()) == {"warn"}, "what --strict refuses"


def navigated(entries: Any) -> Iterator[str]:
    for entry in entries:
        ((_, inner),) = entry.items()
        yield from [inner] if isinstance(inner, str) else navigated(inner)


@pytest.mark.slow
def test_links_lead_somewhere(site: Site) -> None:
    broken = [
        f"{page}: {link}"
        for page, html in site.pages.items()
        for link in html.links
        if page != "404.html" and leads_nowhere(site, page, link)
    ]
    assert not broken
    assert site.pages["index.html"].links.count("photos.html") >= 2, "the README's links lead to pages of the site"


@pytest.mark.slow
def test_links_say_titles_instead_of_names_of_files(site: Site) -> None:
    text = (site.folder / "table.html").read_text("utf-8")
    assert '<a href="devices.html">Measuring where networks are deployed</a>' in text
    assert "devices.md" not in text
    home = (site.folder / "index.html").read_text("utf-8")
    assert '<a href="tensorrt.html">TensorRT and TensorRT-RTX</a>' in home
    assert "Three paths" in home
    assert "make docs" not in home, "what is only for readers of the repository"


def leads_nowhere(site: Site, page: str, link: str) -> bool:
    url = urlsplit(link)
    if url.scheme:
        return url.scheme != "https"
    path = (site.folder / page).parent / unquote(url.path) if url.path else site.folder / page
    path = path / "index.html" if path.is_dir() else path
    there = site.pages.get(os.path.relpath(path, site.folder))
    return not path.is_file() or bool(url.fragment and there and unquote(url.fragment) not in there.ids)


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    for page, html in site.pages.items():
        assert html.loaded
        assert not [link for link in html.loaded if urlsplit(link).netloc], page


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.stem)
def test_a_page_reads_as_in_the_repository(site: Site, path: Path) -> None:
    """Lists and tables that GitHub's dialect knows and that of the site does not would become paragraphs."""
    here = site.pages[path.relative_to(DOCS).with_suffix(".html").as_posix()].content
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(path.read_text("utf-8"))
    assert here == Html(f"<article>{rendered}</article>").content
    assert here["h1"] == 1


@pytest.mark.slow
def test_the_reference_has_every_key_of_the_configuration(site: Site) -> None:
    text = (site.folder / "reference" / "configuration.html").read_text("utf-8")
    assert {"study.name", "recipe.preset", "recipe.teacher.kind", "search.screen.keep"} <= set(keys(SearchConfig))
    for key in keys(SearchConfig):
        _, _, entry = text.partition(f'id="{key}"')
        shown = re.sub(r"<[^>]+>", "", entry.partition("<h")[0])
        assert key.startswith("finalists.teacher.") or re.search(r"required|by default", shown), key
        assert key.startswith("finalists.teacher.") or len(shown.split()) > 5, f"{key}: {shown}"
    assert "integer at least 1, by default 40" in re.sub(r"<[^>]+>", "", text)


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = next((kind for kind in kinds(field.annotation) if issubclass(kind, BaseModel)), None)
        if inner:
            yield from keys(inner, f"{above}{name}.")
            yield from [f"{above}{name}.preset"] if name == "recipe" else []
        else:
            yield f"{above}{name}"


def kinds(annotation: Any) -> Iterator[type]:
    yield from (kind for kind in (annotation, *getattr(annotation, "__args__", ())) if isinstance(kind, type))


@pytest.mark.slow
def test_the_reference_has_every_command_and_option(site: Site) -> None:
    text = (site.folder / "reference" / "command-line.html").read_text("utf-8")
    for command in COMMANDS:
        _, _, entry = text.partition(f'id="{command.replace(" ", "-")}"')
        entry = entry.partition("<h2")[0]
        assert "Examples" in entry, command
        for parameter in parameters(command):
            assert parameter in entry, f"{command} {parameter}"


def parameters(command: str) -> Iterator[str]:
    found = PROGRAM
    for name in command.split():
        found = found.commands[name]
    for parameter in found.params:
        yield from [each for each in parameter.opts if each.startswith("--")]


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Site) -> None:
    pages = list((site.folder / "reference" / "python").glob("*.html"))
    assert len(pages) >= 10
    for page in pages:
        ids = site.pages[f"reference/python/{page.name}"].ids
        missing = [
            f"{page.stem}.{name}"
            for name, value in public(page.stem)
            if not {f"{page.stem}.{name}", f"{getattr(value, '__module__', '')}.{name}"} & ids
        ]
        assert not missing


def public(package: str) -> Iterator[tuple[str, object]]:
    module = import_module(package)
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == package]
    for name in getattr(module, "__all__", own):
        if not isinstance(value := getattr(module, name), ModuleType):
            yield name, value
