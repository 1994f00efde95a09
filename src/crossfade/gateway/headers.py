"""The headers that a proxy changes, and no others: those of one connection go, those about the client come.

What a client says about its own address is not believed: the front door is the first to know, and says it itself.
"""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1; the second line is what older peers treat the same.
_OF_ONE_CONNECTION = frozenset(
    {b"connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"keep-alive"}
    | {b"proxy-connection", b"proxy-authenticate", b"proxy-authorization"}
)
_FORWARDED = frozenset(
    {b"forwarded", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
    | {b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-ssl", b"x-forwarded-by", b"x-forwarded-server"}
)


def onwards(headers: Iterable[tuple[bytes, bytes]], *, client: str | None, scheme: str) -> Headers:
    """A request's headers as the stack behind shall see them.

    `Expect` goes too: the front door has answered it by reading the body.
    """
    headers = list(headers)
    dropped = _OF_ONE_CONNECTION | _named_by_connection(headers) | {b"expect"}
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


def _named_by_connection(headers: Headers) -> set[bytes]:
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    # Content-Length frames the body that is carried: a client may not talk it away. Nor the host.
    return {name.strip().lower() for name in named.split(b",")} - {b"content-length", b"host"}


def _forged(name: bytes) -> bool:
    # WSGI spells X_Forwarded_For and X-Forwarded-For alike.
    return name.lower().replace(b"_", b"-") in _FORWARDED
