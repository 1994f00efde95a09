"""What both stacks forgive in a path, and what they don't, done for FastAPI; the twin is in `flask_app.factory`."""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class AnyPath:
    """Lets a path with a trailing slash, and a HEAD, be answered like the path without it, and like a GET.

    The server drops the body of an answer to a HEAD by itself. A path with U+0000 is nowhere: no database could look
    for what it names. A fragment, which no client should send, isn't looked at.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = _without_fragment(scope)
            path = scope["path"]
            if len(path) > 1 and path.endswith("/"):
                scope = {**scope, "path": path[:-1], "raw_path": scope.get("raw_path", b"")[:-1]}
            if "\x00" in path:
                scope = {**scope, "path": "/\x00"}
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def _without_fragment(scope: Scope) -> Scope:
    raw, query = scope.get("raw_path") or b"", scope["query_string"]
    # The server has split it at the question mark; in a fragment one means nothing.
    if b"#" in raw:
        raw, query = raw.partition(b"#")[0], b""
        return {**scope, "path": unquote(raw.decode("ascii")), "raw_path": raw, "query_string": query}
    return {**scope, "query_string": query.partition(b"#")[0]} if b"#" in query else scope
