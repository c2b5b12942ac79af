"""What mkdocs calls while it builds the site: generated pages are added, links of pages are adapted.

Nothing that is generated is written into the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from command_page import command_page
from configuration_page import configuration_page
from python_pages import python_pages
from repository import file_of, files_outside_of_docs, for_the_site

_STYLE = "style.css"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and files that are not in `docs/`."""
    generated: dict[str, str | Path] = {
        "reference/configuration.md": configuration_page(),
        "reference/command-line.md": command_page(),
        **python_pages(),
        _STYLE: Path(__file__).with_name(_STYLE),
        **dict(files_outside_of_docs()),
    }
    for page, content in generated.items():
        if isinstance(content, Path):
            files.append(File.generated(config, page, abs_src_path=str(content)))
        else:
            files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Adapts the links of a page that shows a file of the repository."""
    path = file_of(page.file.src_uri)
    return markdown if path is None else for_the_site(markdown, path)
