from .fitness import require_class_of, require_function, require_object_of
from .kind import Kind, Listing
from .offers import Offer
from .options import call, checked_options
from .reference import UnusableError, failure, is_reference, module_path, top_module

__all__ = [
    "Kind",
    "Listing",
    "Offer",
    "UnusableError",
    "call",
    "checked_options",
    "failure",
    "is_reference",
    "module_path",
    "require_class_of",
    "require_function",
    "require_object_of",
    "top_module",
]
