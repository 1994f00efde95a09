"""Carries a request to the stack that answers it, and the answer back, byte by byte as they come.

Bodies are streamed in both directions and never held or changed, compressed ones neither. A client that leaves takes
its request along. Which stack answers is left to `front`, which headers change to `headers`. A stack that can't be
reached is a 502, one that is silent for too long a 504, both as JSON with `error` and `message`; an answer that
breaks off midway breaks off for the client too, so that nobody takes half of it for the whole.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
from yarl import URL

from crossfade.gateway import headers
from crossfade.gateway.front import Front
from crossfade.routes import Stack

Message = Mapping[str, Any]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("crossfade.gateway")

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 30.0
"""How long a connection to a stack is kept for the next request: less than the stacks do, so that a request is
never sent into a connection that its other end is just closing."""
LINGER_SECONDS = 10.0
"""How long a client may go on sending what nobody reads after it was answered."""
_LARGEST_HEADER = 64 * 1024


class Proxy:
    """An ASGI application: the front door. Serves between entering and leaving its context."""

    def __init__(self, front: Front, sockets: Mapping[Stack, Path], *, patience: float = 60.0) -> None:
        """Serves `front` from the stacks that listen on `sockets` (Unix).

        `patience` is how many seconds a stack may take for the head of an answer once it has the request.
        """
        self._front = front
        self._sockets = dict(sockets)
        self._patience = patience
        self._stacks: dict[Stack, aiohttp.ClientSession] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket, which is refused."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            # Closing before accepting is a plain 403 to the client.
            await send({"type": "websocket.close", "code": 1008, "reason": "WebSocket is not supported"})

    async def __aenter__(self) -> Self:
        """Makes ready to carry; connects to nothing yet."""
        for stack, path in self._sockets.items():
            self._stacks[stack] = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(path), limit=0, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                max_line_size=_LARGEST_HEADER,
                max_field_size=_LARGEST_HEADER,
            )
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes the connections to the stacks."""
        while self._stacks:
            session = self._stacks.popitem()[1]
            await session.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        exchange = _Exchange(scope, receive, send)
        stack = self._front.stack_for(scope["path"])
        if (headers.value(scope["headers"], b"upgrade") or b"").lower() == b"websocket":
            await exchange.refuse(501, "Not supported", "This server doesn't carry WebSocket connections.")
        elif headers.size(scope) > headers.LARGEST_HEAD:
            await exchange.refuse(431, "Request too large", "The address and the headers of the request are too long.")
        elif stack is None:
            await exchange.refuse(404, "Not found", "Nothing answers this path.")
        else:
            await exchange.carry(self._stacks[stack], stack, patience=self._patience)
        spent = (time.perf_counter() - began) * 1000
        # The path without its query, which may hold a token.
        path = scope.get("raw_path") or scope["path"].encode()
        log.info(
            "%s %s %s %s %.0f ms",
            scope["method"],
            path.decode("latin-1"),
            exchange.status or "client left",
            stack or "-",
            spent,
        )


def in_words(error: str, message: str) -> bytes:
    """The body of an error that is the front door's own."""
    return json.dumps({"error": error, "message": message}).encode()


class _ClientLeftError(Exception):
    """The client closed the connection before it had sent its request."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._receiving = asyncio.Lock()
        self._body_over = asyncio.Event()
        self._left = False
        self._deadline: asyncio.Timeout | None = None
        self.status: int | None = None

    async def refuse(self, status: int, error: str, message: str) -> None:
        """Answers in the gateway's own name."""
        body = in_words(error, message)
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self._start(status, head)
        if self._scope["method"] != "HEAD":
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
        await self._end()

    async def carry(self, session: aiohttp.ClientSession, stack: Stack, *, patience: float) -> None:
        """Has `stack` answer; ends early, and lets the stack know, when the client leaves."""
        answering = asyncio.create_task(self._answer(session, stack, patience))
        leaving = asyncio.create_task(self._client_leaves())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.wait({answering, leaving})
        if not answering.cancelled():
            answering.result()

    async def _answer(self, session: aiohttp.ClientSession, stack: Stack, patience: float) -> None:
        client = self._scope["client"][0] if self._scope.get("client") else None
        sent = headers.onwards(self._scope["headers"], client=client, scheme=self._scope["scheme"])
        problem = headers.problem(sent)
        if problem is not None:
            await self.refuse(400, "Bad request", problem)
            return
        fields = [(name.decode("ascii"), text.decode("utf-8")) for name, text in sent]
        try:
            response = await self._head_of_answer(session, fields, patience)
        except TimeoutError:
            await self.refuse(504, "Gateway timeout", f"The {stack} application took too long to answer.")
        except (aiohttp.ClientError, OSError) as error:
            log.warning("%s doesn't answer: %s", stack, error)
            await self.refuse(502, "Bad gateway", f"The {stack} application doesn't answer.")
        else:
            await self._pass_back(response, stack)

    async def _head_of_answer(
        self, session: aiohttp.ClientSession, fields: list[tuple[str, str]], patience: float
    ) -> aiohttp.ClientResponse:
        async with asyncio.timeout(patience) as deadline:
            self._deadline = deadline
            try:
                if self._has_body:
                    return await session.request(**self._request, headers=fields, data=self._body(patience))
                return await session.request(**self._request, headers=fields)
            finally:
                self._deadline = None

    def _grant(self, seconds: float | None) -> None:
        """Lets the stack take `seconds` from now for the head of its answer, None for as long as it likes."""
        if self._deadline is not None:
            self._deadline.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    async def _pass_back(self, response: aiohttp.ClientResponse, stack: Stack) -> None:
        try:
            await self._start(response.status, headers.back(response.raw_headers))
            async for chunk in response.content.iter_any():
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            response.release()
            await self._end()
        except (aiohttp.ClientError, OSError) as error:
            # Returning without the last message makes the server cut the connection: the client sees a broken answer.
            log.warning("%s broke off in the middle of an answer: %s", stack, error)
        finally:
            # After a release it does nothing; a connection whose answer was not read to its end can't be used again.
            response.close()

    @property
    def _request(self) -> dict[str, Any]:
        scope = self._scope
        # Built from its parts and as it came: parsing the text again could read it differently.
        url = URL.build(
            scheme="http",
            host="stack",
            path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
            query_string=scope["query_string"].decode("latin-1"),
            encoded=True,
        )
        return {"method": scope["method"], "url": url, "allow_redirects": False}

    @property
    def _has_body(self) -> bool:
        fields = self._scope["headers"]
        length = headers.value(fields, b"content-length")
        return headers.value(fields, b"transfer-encoding") is not None or (length is not None and length != b"0")

    async def _body(self, patience: float) -> AsyncGenerator[bytes]:
        """The request's body as it arrives. The stack's time runs only while it is the stack's turn."""
        while not self._body_over.is_set():
            self._grant(None)
            message = await self._next()
            self._grant(patience)
            if self._left:
                raise _ClientLeftError
            if message.get("body"):
                yield message["body"]

    async def _next(self) -> Message:
        """The next thing that the client does. Only one may wait for it at a time."""
        async with self._receiving:
            message = await self._receive()
            self._left = message["type"] == "http.disconnect"
            if self._left or not message.get("more_body", False):
                self._body_over.set()
            return message

    async def _client_leaves(self) -> None:
        if self._has_body:
            await self._body_over.wait()
        while not self._left:
            await self._next()

    async def _end(self) -> None:
        """Ends the answer, once the client has said all that it wants to say.

        Closing a connection in the middle of a request destroys the answer on its way to a client that still sends:
        a refusal because of its size would never be read.
        """
        if self._has_body:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while not self._body_over.is_set():
                        await self._next()
        await self._send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int, fields: headers.Headers) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
