"""The file of facts about a deployed network, under the name that its version gave it."""

from __future__ import annotations

from pathlib import Path

from tiernas.standalone.classify import FACTS

_EARLIER = "deployment.json"


def facts_path(folder: Path) -> Path:
    """The file of facts in the folder of an artifact or export; earlier versions named it differently.

    Args:
        folder: The folder; if it contains neither file, the present name is returned.
    """
    earlier = folder / _EARLIER
    return earlier if earlier.exists() and not (folder / FACTS).exists() else folder / FACTS
