"""Puts the headers of `web.headers` on every answer of Flask's; the twin is `fastapi_app.headers`."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cronjobs.settings import Settings
from cronjobs.web import headers
from cronjobs.web.headers import Asked

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_VARIABLES = ("HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "HTTP_X_FORWARDED_PROTO")


class Headers:
    """A WSGI application around another one: outside of its error handlers, so that nothing leaves without."""

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        asked = _asked(environ)
        allowed = headers.preflight(asked, self._settings)
        if allowed is not None:
            start_response("204 No Content", list(allowed.items()))
            return []

        def start(status: str, found: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            own = {name.lower(): value for name, value in found}
            added = headers.of(asked, self._settings, content_type=own.get("content-type", ""))
            missing = [(name, value) for name, value in added.items() if name.lower() not in own]
            return start_response(status, [*found, *missing], exc_info)

        return self._app(environ, start)


def _asked(environ: "WSGIEnvironment") -> Asked:
    named = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): environ[name] for name in _VARIABLES if name in environ
    }
    return Asked.of(environ["REQUEST_METHOD"], environ["wsgi.url_scheme"], named)
