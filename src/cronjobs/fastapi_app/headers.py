"""Puts the headers of `web.headers` on every answer of FastAPI's; the twin is `flask_app.headers`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cronjobs.settings import Settings
from cronjobs.web import headers
from cronjobs.web.headers import Asked


class Headers:
    """An ASGI application around another one: outside of its error handlers, so that nothing leaves without."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Asked.of(scope["method"], scope["scheme"], _named(scope["headers"]))
        allowed = headers.preflight(asked, self._settings)
        if allowed is not None:
            await send({"type": "http.response.start", "status": 204, "headers": _encoded(allowed)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def started(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = list(message.get("headers", []))
                own = _named(found)
                added = headers.of(asked, self._settings, content_type=own.get("content-type", ""))
                missing = {name: value for name, value in added.items() if name.lower() not in own}
                message = {**message, "headers": [*found, *_encoded(missing)]}
            await send(message)

        await self._app(scope, receive, started)


def _named(found: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in found}


def _encoded(named: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
