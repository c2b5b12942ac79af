"""The page docs/data.md: its examples are right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tiernas.training import DataConfig

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_page_has_an_example_of_every_kind_and_all_are_right() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    kinds = {DataConfig.model_validate(tomllib.loads(block)["data"]).kind for block in blocks}
    assert kinds == {"folder", "parquet", "huggingface", "torchvision", "webdataset"}
