"""Which machine this is, and since when it runs."""

from __future__ import annotations

from pathlib import Path


def boot_id(root: Path = Path("/")) -> str | None:
    """A random identifier of the running system: equal for two processes only if they are on one machine.

    Args:
        root: Folder that contains `proc` (random(4): "a random string generated once" per boot).

    Returns:
        It; None where the system has none.
    """
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
