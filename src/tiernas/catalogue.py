"""All kinds of plug-ins that a user can name; each package keeps its own."""

from __future__ import annotations

from typing import Any

from tiernas.blocks.catalogue import BLOCKS
from tiernas.engines.catalogue import ENGINES
from tiernas.plugins import Kind
from tiernas.search.catalogue import OPTIMIZERS
from tiernas.spaces.catalogue import SPACES
from tiernas.training.sources.catalogue import SOURCES
from tiernas.training.teachers.catalogue import TEACHERS

KINDS: tuple[Kind[Any], ...] = (SPACES, BLOCKS, ENGINES, OPTIMIZERS, SOURCES, TEACHERS)
