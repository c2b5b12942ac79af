from .verdict import SearchVerdict, TierGain, read_verdict

__all__ = [
    "SearchVerdict",
    "TierGain",
    "read_verdict",
]
