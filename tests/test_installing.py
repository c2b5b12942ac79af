"""The command that adds an extra, for every way in which tiernas can have been installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.packages import write_package

from tiernas.errors import NotInstalledError
from tiernas.installing import install_command


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'tiernas[train]'"),
        (
            {"url": "file:///home/ann/my%20code/tiernas", "dir_info": {"editable": True}},
            "pip install -e '/home/ann/my code/tiernas[train]'",
        ),
        ({"url": "file:///src/tiernas", "dir_info": {}}, "pip install '/src/tiernas[train]'"),
        (
            {"url": "file:///dist/tiernas-0.1.0-py3-none-any.whl", "archive_info": {"hash": "sha256=00"}},
            "pip install 'tiernas[train] @ file:///dist/tiernas-0.1.0-py3-none-any.whl'",
        ),
        (
            {"url": "https://git.example/tiernas", "vcs_info": {"vcs": "git", "commit_id": "00ff"}},
            "pip install 'tiernas[train] @ git+https://git.example/tiernas@00ff'",
        ),
        ([1], "pip install 'tiernas[train]'"),
    ],
)
def test_command_names_what_was_installed(site: Path, origin: Any, command: str) -> None:
    write_package(site, "tiernas", {})
    if origin is not None:
        (site / "tiernas-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    assert install_command("train") == command


def test_the_message_of_a_missing_package_has_the_command() -> None:
    assert str(NotInstalledError("PyTorch", "train")).endswith(f"Install it with: {install_command('train')}")
