"""Passwords and tokens are hidden wherever a text may be seen."""

from __future__ import annotations

import re

_HIDDEN = "***"

_SECRET = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|sig(?:nature)?|credentials?)"
"""What names of parameters that hold a secret end with."""

_USER = r"(?:[A-Za-z][\w+.-]*:?/{1,3})?+[^/@\s:'\"]*"
"""What stands before a password: a scheme, however mistyped, and the user; both may be missing."""

_IN_QUERY = re.compile(rf"([?&;][^=&;?\s]*{_SECRET}=)[^&]*", re.IGNORECASE)

_WHOLE = re.compile(rf"^({_USER}):.*@", re.DOTALL)

_BEFORE_AT = (
    # A password may hold any of the characters that divide a URL, so everything up to the last @ is taken for it.
    (re.compile(rf"(?<![\w+.%-])({_USER}):[^\s'\"]*@"), rf"\1:{_HIDDEN}@"),
    # One with blanks or quotes, as it should not be written; a number after the host is its port.
    (
        re.compile(r"(://[^/@\s:'\"]*):(?!\*{3}@)(?!\d{1,5}(?:[/\s,;:.)\]'\"]|$))(?:(?!\s\S*://).)*@"),
        rf"\1:{_HIDDEN}@",
    ),
    # A token in the place of the user.
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
    """A text with `***` in the place of passwords and tokens: in URLs and what is meant for one, and in assignments.

    It rather hides too much: what stands between a colon and an @ without a blank is taken for a password.
    """
    for rules, sign in ((_BEFORE_AT, "@"), (_AFTER_SIGN, "="), (_IN_JSON, ":")):
        if sign in text:
            for pattern, replacement in rules:
                text = pattern.sub(replacement, text)
    return text


def hide_url_credentials(url: str) -> str:
    """`hide_credentials` of a text that is one URL and nothing else, so that its password may have any characters."""
    before, mark, query = url.rpartition("?")
    hidden = _IN_QUERY.sub(rf"\1{_HIDDEN}", f"{mark}{query}")
    return hide_credentials(_WHOLE.sub(rf"\1:{_HIDDEN}@", f"{before}{hidden}"))
