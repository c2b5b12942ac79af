from .opening import open_source
from .source import Part, Source

__all__ = ["Part", "Source", "open_source"]
