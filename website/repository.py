"""The repository as a site: which file is which page, and links that hold in both.

Pages of `docs/` link to each other and to files elsewhere in the repository by relative paths, so that they can be read
where they are. The site has the pages of `docs/` at its top, and under `source/` every other file that a page links to.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[1]

_DOCS, _SOURCE, _README = "docs/", "source/", "README.md"
_AT_THE_TOP = {_README: "index.md", "CHANGELOG.md": "changelog.md"}
_AS_THEY_ARE = (".md", ".png", ".json")
"""Suffixes of files that a browser or mkdocs shows; the text of any other file becomes a page of code."""

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_ONLY_IN_THE_README = re.compile(r"^## Documentation\n.*?(?=^## )", re.M | re.S)
"""The list of the pages, which the site has at its side."""

_NAMED = re.compile(r"\[[\w/-]+\.md\](?=\(([^)\s#]+))")
_COMMANDS = re.compile(r"^```\n(?=\S*(?:\$ |tiernas ))", re.M)


def page_of(path: str) -> str:
    """The page or file of the site for a file of the repository, as mkdocs names it.

    Args:
        path: The file, or a folder with a README, relative to the root of the repository.
    """
    if (ROOT / path).is_dir():
        path = posixpath.join(path, _README)
    if path in _AT_THE_TOP:
        return _AT_THE_TOP[path]
    if path.startswith(_DOCS):
        return path.removeprefix(_DOCS)
    return f"{_SOURCE}{path}" if path.endswith(_AS_THEY_ARE) else f"{_SOURCE}{path}.md"


def file_of(page: str) -> str | None:
    """The Markdown file of the repository that a page of the site shows; None if it shows no such file."""
    path = next((file for file, top in _AT_THE_TOP.items() if top == page), None)
    path = path or (page.removeprefix(_SOURCE) if page.startswith(_SOURCE) else f"{_DOCS}{page}")
    return path if path.endswith(".md") and (ROOT / path).is_file() else None


def files_outside_of_docs() -> Iterator[tuple[str, str | Path]]:
    """What the site needs besides `docs/`: the page or file of the site, and its text or the file to copy."""
    paths = [*_AT_THE_TOP, *(f"{_DOCS}{page.relative_to(ROOT / _DOCS).as_posix()}" for page in _pages())]
    found = set(paths)
    while paths:
        path = paths.pop()
        if not path.startswith(_DOCS):
            yield page_of(path), _content(path)
        linked = set(_linked(path)) if path.endswith(".md") else set()
        paths += sorted(linked - found)
        found |= linked


def for_the_site(markdown: str, path: str) -> str:
    """The text of a page with links that hold in the site, and say the title of a page instead of the name of its file.

    Args:
        markdown: The text.
        path: Its file, relative to the root of the repository.
    """

    def link(found: re.Match[str]) -> str:
        target = _target(path, found[2])
        if target is None:
            return found[0]
        there = posixpath.relpath(page_of(target), posixpath.dirname(page_of(path)) or ".")
        return f"{found[1]}{there}{found[3] or ''}{found[4]}"

    def title(found: re.Match[str]) -> str:
        target = _target(path, found[1])
        return found[0] if target is None else f"[{_title(target)}]"

    if path == _README:
        markdown = _ONLY_IN_THE_README.sub("", markdown)
    parts = [_LINK.sub(link, _NAMED.sub(title, text)) for text in _FENCED.split(markdown)[::2]]
    code = [found[0] for found in _FENCED.finditer(markdown)]
    texts = [part for pair in zip(parts, [*code, ""], strict=True) for part in pair]
    return _COMMANDS.sub("```console\n", "".join(texts))


def _pages() -> list[Path]:
    return sorted((ROOT / _DOCS).rglob("*.md"))


def _linked(path: str) -> Iterator[str]:
    """Files of the repository to which a Markdown file links; of folders, their README."""
    text = _FENCED.sub("", (ROOT / path).read_text("utf-8"))
    for found in _LINK.finditer(text):
        target = _target(path, found[2])
        if target is not None:
            yield posixpath.join(target, _README) if (ROOT / target).is_dir() else target


def _target(path: str, link: str) -> str | None:
    """The file or folder to which a link leads; None if it leads elsewhere, or nowhere."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    there = ROOT / target
    return target if there.is_file() or (there / _README).is_file() else None


def _title(path: str) -> str:
    return (ROOT / path).read_text("utf-8").partition("\n")[0].removeprefix("# ")


def _content(path: str) -> str | Path:
    if path.endswith(_AS_THEY_ARE):
        return ROOT / path
    try:
        language = get_lexer_for_filename(path).aliases[0]
    except ClassNotFound:
        language = "bash" if path.endswith(".sbatch") else "text"
    return f"# {path}\n\n~~~~ {language}\n{(ROOT / path).read_text('utf-8')}~~~~\n"
