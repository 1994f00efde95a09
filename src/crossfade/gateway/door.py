"""The address that clients know: taken before anything else is done, given up before anything else is stopped.

Which path goes where is left to `front` and `proxy`.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Generator

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from crossfade.errors import AddressError
from crossfade.gateway.proxy import Proxy, in_words

DRAIN_SECONDS = 10
"""How long requests that are under way may take to end when the door closes."""
_BACKLOG = 2048


def take(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port` (0: any free one); nobody else gets the address from now on.

    Clients who come before the door is served wait. Raises AddressError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(
            host=host, port=port, reason=f"{host} is not an address of this machine ({error})"
        ) from error
    try:
        # Restarting mustn't wait for the old connections to be forgotten; a living listener is refused all the same.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(host=host, port=port, reason=_explained(error)) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL under which a browser on this machine reaches the door."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  a comparison, not a bind
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Protocol(H11Protocol):
    """HTTP/1.1, which refuses in the form of every other error what is none."""

    @override
    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = in_words("Bad request", msg)
            head = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
            answer = (h11.Response(status_code=400, headers=head, reason="Bad Request"), h11.Data(body))
            for event in (*answer, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Door(uvicorn.Server):
    """Serves an open proxy on a listening socket until it is told to close; leaves signals to its owner."""

    def __init__(self, proxy: Proxy, *, drain: int = DRAIN_SECONDS) -> None:
        """`drain`: seconds that requests under way get to end in."""
        super().__init__(
            uvicorn.Config(
                proxy,
                lifespan="off",
                http=_Protocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=drain,
                backlog=_BACKLOG,
            )
        )

    def close(self) -> None:
        """Accepts nobody any more, and ends when the requests under way have; called again, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Generator[None]:
        yield


def _explained(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program uses it; choose another port with --port or PORT"
        case errno.EACCES:
            return "this user may not use it; choose a port above 1023 with --port or PORT"
        case _:
            return os.strerror(error.errno) if error.errno else str(error)
