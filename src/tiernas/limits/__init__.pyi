from .figures import figures_of, memory_mb, require_width
from .limits import Limits
from .within import WithinLimits

__all__ = ["Limits", "WithinLimits", "figures_of", "memory_mb", "require_width"]
