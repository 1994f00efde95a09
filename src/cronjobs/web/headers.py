"""Headers of every answer, and the answer to a browser that asks before it calls: one table for both stacks.

Browsers of other sites may call from the origins in CORS_ORIGINS, and nowhere else. Credentials of the browser's own
are never asked for: whoever calls brings a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cronjobs.settings import Settings

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Answers hold what one caller may see at one moment.
    "Cache-Control": "no-store",
}

_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# What FastAPI's page at /docs loads. Its script and styles are inline; nothing that a user wrote is in them.
_DOCS = (
    "default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; img-src data: https://fastapi.tiangolo.com; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_A_YEAR = "max-age=31536000"

_TO_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
_READABLE = "Retry-After, WWW-Authenticate"


@dataclass(frozen=True)
class Asked:
    """What of a request the headers depend on."""

    method: str
    scheme: str
    """As the server saw it."""
    origin: str | None = None
    requested_method: str | None = None
    """Access-Control-Request-Method: what a browser wants to call."""
    forwarded_proto: str | None = None

    @classmethod
    def of(cls, method: str, scheme: str, headers: Mapping[str, str]) -> "Asked":
        """Of a request; the names of `headers` are in lower case."""
        return cls(
            method,
            scheme,
            headers.get("origin"),
            headers.get("access-control-request-method"),
            headers.get("x-forwarded-proto"),
        )

    @property
    def over_https(self) -> bool:
        """Whether the client used https: with the server, or with the proxy that is nearest to the client."""
        nearest = (self.forwarded_proto or self.scheme).partition(",")[0]
        return nearest.strip().lower() == "https"


def preflight(asked: Asked, settings: Settings) -> dict[str, str] | None:
    """The headers of the 204 that lets a browser call; None if this is no such question, or not from a known origin."""
    if asked.method != "OPTIONS" or not asked.requested_method or asked.origin not in settings.origins:
        return None
    return of(asked, settings) | _TO_PREFLIGHT


def of(asked: Asked, settings: Settings, *, content_type: str = "") -> dict[str, str]:
    """The headers of an answer of that type, errors included."""
    page = content_type.startswith("text/html")
    found = _ALWAYS | {"Content-Security-Policy": _DOCS if page else _NOTHING}
    if settings.app_env == "production" and asked.over_https:
        found["Strict-Transport-Security"] = _A_YEAR
    if settings.origins:
        # A shared cache must not hand one origin's answer to another.
        found["Vary"] = "Origin"
    if asked.origin is not None and asked.origin in settings.origins:
        found["Access-Control-Allow-Origin"] = asked.origin
        found["Access-Control-Expose-Headers"] = _READABLE
    return found
