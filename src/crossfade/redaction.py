"""Takes secrets out of text before a person or a log sees it.

It promises that what it recognises is gone; what to print is left to the caller. When in doubt it hides too much.
"""

import re
from urllib.parse import quote

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MASK = "***"

_SECRET_KEYS = r"[\w.-]*(?:password|passwd|pwd|secret|token|api_?key|secret_?key)"  # noqa: S105  names of secrets, not one

_PATTERNS = (
    # user:password@ of any URL; greedy, because people forget to quote an @ in a password. It looks back, so that a
    # long word is looked at once and not again from each of its letters: a log has lines of any length.
    (re.compile(r"(?<![\w+.-])([\w+.-]+://[^\s:/@?#]*:)\S*@"), rf"\1{MASK}@"),
    # The same with blanks that nobody quoted, unless it is a port; not further than a password may reach.
    (
        re.compile(r"(?<![\w+.-])([\w+.-]+://(?!\[)[^\s:/@?#]*:)(?!\*\*\*@|\d{1,5}(?:[/\s,;:.'\")\]]|$))[^\n]{1,200}@"),
        rf"\1{MASK}@",
    ),
    # token@ of a web URL, as in https://<token>@github.com
    (re.compile(r"(https?://)[^\s:/@?#]+@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(bearer)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\b(authorization[\"']?\s*[:=]\s*[\"']?\w+)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"\b(?:gh[pousr]_\w{10,}|github_pat_\w{10,}|xox[abprs]-[\w-]{10,}|whsec_[\w+/=-]{10,})"), MASK),
    (re.compile(rf"(?<![\w.-])({_SECRET_KEYS})=(?:'[^']*'|\"[^\"]*\"|[^\s&;,\"']+)", re.IGNORECASE), rf"\1={MASK}"),
    (re.compile(rf"([\"']{_SECRET_KEYS}[\"']\s*:\s*)(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE), rf'\1"{MASK}"'),
)


def mask(text: str) -> str:
    """`text` without the passwords of its URLs, bearer tokens, and the like."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_url(url: URL | str) -> str:
    """A URL that can be shown: its password, and what its query calls one, replaced by `***`."""
    try:
        url = make_url(url)
    except (ArgumentError, ValueError):
        return mask(_without_login(str(url)))
    text = url.render_as_string(hide_password=True)
    # Readable: a path is shown as the path that it is, in the name as in an option.
    name = url.database or ""
    return mask(text.replace(quote(name, safe=" +/"), name, 1).replace("%2F", "/"))


def _without_login(text: str) -> str:
    """`text`, which can't be read as a URL; where nothing says that it is one, what comes before an @ isn't shown."""
    login, at, rest = text.rpartition("@")
    return f"{MASK}{at}{rest}" if at and "://" not in login else text
