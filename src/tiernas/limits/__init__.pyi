from .figures import figures_of, require_width
from .limits import Limits
from .within import WithinLimits

__all__ = ["Limits", "WithinLimits", "figures_of", "require_width"]
