"""The headers that a proxy changes, and no others: those of one connection go, those about the client come.

What a client says about its own address is not believed: the front door is the first to know, and says it itself.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Headers = list[tuple[bytes, bytes]]

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's address and headers: more is refused, so that both stacks see the same."""

# RFC 9110, 7.6.1; the second line is what older peers treat the same.
_OF_ONE_CONNECTION = frozenset(
    {b"connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"keep-alive"}
    | {b"proxy-connection", b"proxy-authenticate", b"proxy-authorization"}
)
_FORWARDED = frozenset(
    {b"forwarded", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
    | {b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-ssl", b"x-forwarded-by", b"x-forwarded-server"}
    # gunicorn reads the first as the scheme, and takes the others for parts of the path, whatever was asked for.
    | {b"x-forwarded-protocol", b"script-name", b"path-info"}
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def onwards(headers: Iterable[tuple[bytes, bytes]], *, client: str | None, scheme: str) -> Headers:
    """A request's headers as the stack behind shall see them.

    `Expect` goes too: the front door has answered it by reading the body.
    """
    headers = list(headers)
    dropped = _OF_ONE_CONNECTION | _named_by_connection(headers) | {b"expect"}
    if value(headers, b"transfer-encoding") is not None:
        # RFC 9112, 6.3: chunks say where the body ends; a stack that believed the length would wait for the rest.
        dropped |= {b"content-length"}
    kept = [(name, value) for name, value in headers if name.lower() not in dropped and not _forged(name)]
    kept += [(b"x-forwarded-host", value) for name, value in headers if name.lower() == b"host"][:1]
    kept.append((b"x-forwarded-proto", scheme.encode("latin-1")))
    if client is not None:
        kept.append((b"x-forwarded-for", client.encode("latin-1")))
    return kept


def back(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """An answer's headers as the client shall see them. `Date` goes: the front door's server sets its own."""
    headers = list(headers)
    dropped = _OF_ONE_CONNECTION | _named_by_connection(headers) | {b"date"}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def value(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    """The first value of a header, `wanted` in lower case."""
    return next((value for name, value in headers if name.lower() == wanted), None)


def size(scope: Mapping[str, Any]) -> int:
    """Bytes of what an ASGI request says before its body."""
    fields = sum(len(name) + len(text) for name, text in scope["headers"])
    return fields + len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])


def problem(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Why these can't be carried unchanged, as a sentence; None if they can."""
    for _, text in headers:
        if _CONTROL.search(text):
            return "A header of the request holds a control character."
        try:
            text.decode()
        except UnicodeDecodeError:
            # The client library writes text as UTF-8 only: better refused than changed on the way.
            return "A header of the request is not UTF-8."
    return None


def _named_by_connection(headers: Headers) -> set[bytes]:
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    # Content-Length frames the body that is carried: a client may not talk it away. Nor the host.
    return {name.strip().lower() for name in named.split(b",")} - {b"content-length", b"host"}


def _forged(name: bytes) -> bool:
    # WSGI spells X_Forwarded_For and X-Forwarded-For alike.
    return name.lower().replace(b"_", b"-") in _FORWARDED
