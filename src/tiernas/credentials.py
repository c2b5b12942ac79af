"""Hides passwords and tokens in any text that may be seen."""

from __future__ import annotations

import re

_HIDDEN = "***"

_SECRET = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|sig(?:nature)?|credentials?)"
"""Endings of the names of parameters that contain a secret."""

_USER = r"(?:[A-Za-z][\w+.-]*:?/{1,3})?+[^/@\s:'\"]*"
"""What precedes a password: a scheme, however mistyped, and the user; both may be missing."""

_IN_QUERY = re.compile(rf"([?&;][^=&;?\s]*{_SECRET}=)[^&]*", re.IGNORECASE)

_WHOLE = re.compile(rf"^({_USER}):.*@", re.DOTALL)

_BEFORE_AT = (
    # A password may contain any of the characters that separate parts of a URL, so it extends to the last @.
    (re.compile(rf"(?<![\w+.%-])({_USER}):[^\s'\"]*@"), rf"\1:{_HIDDEN}@"),
    # One with spaces or quotes, which are not allowed in a URL; a number after the host is its port.
    (
        re.compile(r"(://[^/@\s:'\"]*):(?!\*{3}@)(?!\d{1,5}(?:[/\s,;:.)\]'\"]|$))(?:(?!\s\S*://).)*@"),
        rf"\1:{_HIDDEN}@",
    ),
    # A token in place of the user.
    (re.compile(r"(https?://)[^/@\s:'\"]+@", re.IGNORECASE), rf"\1{_HIDDEN}@"),
)
_AFTER_SIGN = (
    (re.compile(rf"([?&;][^=&;?\s]*{_SECRET}=)[^&\s'\"]*", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (
        re.compile(
            r"\b(\w*(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|secret|account)_?key)\s*=\s*)"
            r"('[^'\n]*'|\"[^\"\n]*\"|[^\s,;&'\"]+)",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
)
_IN_JSON = (
    (
        re.compile(rf"(?P<key>['\"]\w*{_SECRET}['\"]\s*:\s*)(?P<quote>['\"])[^\n]*?(?P=quote)", re.IGNORECASE),
        rf"\g<key>\g<quote>{_HIDDEN}\g<quote>",
    ),
)


def hide_credentials(text: str) -> str:
    """The text with `***` in place of passwords and tokens: in URLs, even malformed ones, and in assignments.

    It errs on the side of hiding: anything between a colon and an @ without a space counts as a password.
    """
    for rules, sign in ((_BEFORE_AT, "@"), (_AFTER_SIGN, "="), (_IN_JSON, ":")):
        if sign in text:
            for pattern, replacement in rules:
                text = pattern.sub(replacement, text)
    return text


def hide_url_credentials(url: str) -> str:
    """Like `hide_credentials`, for a text that is exactly one URL, whose password may thus have any characters."""
    before, mark, query = url.rpartition("?")
    hidden = _IN_QUERY.sub(rf"\1{_HIDDEN}", f"{mark}{query}")
    return hide_credentials(_WHOLE.sub(rf"\1:{_HIDDEN}@", f"{before}{hidden}"))
