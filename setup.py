"""Adds to `pyproject.toml` what it cannot say: the README as an index of packages shows it.

There, nothing is beside the README: links to other files of the repository become their text, and pictures are left
out. Links within the page and to other sites stay.
"""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

_ELSEWHERE = r"\((?!https?://|#)[^)]*\)"


def standalone(readme: str) -> str:
    """The README without links and pictures that lead to other files."""
    without_pictures = re.sub(rf"!\[[^\]]*\]{_ELSEWHERE}\n*", "", readme)
    return re.sub(rf"\[([^\]]*)\]{_ELSEWHERE}", r"\1", without_pictures)


if __name__ == "__main__":
    readme = Path(__file__).with_name("README.md").read_text("utf-8")
    setup(long_description=standalone(readme), long_description_content_type="text/markdown")
