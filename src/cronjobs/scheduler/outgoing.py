"""The one way out to the network, for addresses that users typed.

It promises: the address that is connected to is a public one, however it was written, resolved or redirected to, unless
private ones are allowed; one deadline for everything, name look-up and a dripping body included; a bounded number of
bytes is read; proxies and cookies of the environment play no part. It raises `OutgoingError` and nothing else for what
a target can do. What is asked for and what counts as success is left to `webhook` and `github`.
"""

import asyncio
import contextlib
import functools
import json
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import SimpleNamespace
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from cronjobs.scheduler.signing import Message

MOST_REDIRECTS = 5
MOST_BYTES = 64 * 1024
"""How much of a body is read at most; what comes after is not waited for."""

_FROZEN = "The process froze between claiming the run and calling the target."
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPING_METHOD = frozenset({307, 308})
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_BITS = 0xFFFF_FFFF


class OutgoingError(Exception):
    """A call that got no answer; the message says why, for people. `status` is that of an answer that broke off."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """`message` is a sentence."""
        super().__init__(message)
        self.status = status


class ForbiddenAddressError(OSError):
    """A connection to an address that is not public was about to be opened."""


@dataclass(frozen=True)
class Reply:
    """An answer: its status, and the beginning of its body as text."""

    status: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to send. It is sent again to where a redirect leads, without `headers` once that is another origin.

    A `message` goes along wherever it leads, so that a target which moved still knows a repeat; it is signed as long as
    the host stays the same, because whoever gets a signed call could pass it off as ours.
    """

    method: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    message: Message | None = None
    keeps_method_on: frozenset[int] = _KEEPING_METHOD
    """The redirects after which the method and the body stay; after others it is a GET."""


class Caller:
    """Sends requests; made by `calling`."""

    def __init__(self, session: aiohttp.ClientSession, door: "_Door", may_send: Callable[[], bool]) -> None:
        self._session = session
        self._door = door
        self._may_send = may_send
        self.status: int | None = None
        """Of the last answer that began and was no redirect."""

    async def send(self, request: Request) -> Reply:
        """The answer that is no redirect. Raises OutgoingError."""
        url, method, headers = _checked(request.url), request.method, dict(request.headers)
        body = None if request.json is None else json.dumps(request.json).encode()
        signed = True
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._ask(method, url, body, headers | _told(request.message, body, signed=signed))
            if isinstance(answer, Reply):
                return answer
            if answer.status not in request.keeps_method_on:
                method, body = "GET", None
            if answer.url.origin() != url.origin():
                headers = {}
                signed = signed and _is_same_host(url, answer.url)
            url = answer.url
        raise OutgoingError(f"The target redirects more than {MOST_REDIRECTS} times.")

    async def _ask(
        self, method: str, url: yarl.URL, body: bytes | None, headers: Mapping[str, str]
    ) -> "Reply | _Redirect":
        self.status = None
        if not self._may_send():
            raise OutgoingError(_FROZEN)
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
        try:
            sending = self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=self._may_send
            )
            async with sending as response:
                location = response.headers.get("Location")
                if response.status in _REDIRECTS and location is not None:
                    return _Redirect(response.status, _checked(location, base=url))
                self.status = response.status
                return Reply(response.status, await _beginning(response))
        except TimeoutError:
            raise  # the deadline of the whole call, which `calling` words
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if self._door.refused is not None:
                raise OutgoingError(self._door.refused) from error
            raise OutgoingError(_worded(error, url, self.status), status=self.status) from error


@contextlib.asynccontextmanager
async def calling(
    *, private_allowed: bool, deadline: float, may_send: Callable[[], bool] = lambda: True
) -> AsyncGenerator[Caller]:
    """A caller, for `deadline` seconds in all. Raises OutgoingError when they are over.

    `may_send` is asked before each request, and again when there is a connection for it.
    """
    door = _Door(private_allowed=private_allowed)
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(), socket_factory=door.open, force_close=True, use_dns_cache=False, limit=0
    )
    session = aiohttp.ClientSession(
        connector=connector,
        trace_configs=[_asking()],
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        # An answer that is compressed all the same is not unpacked: a few bytes could become gigabytes.
        headers={"Accept-Encoding": "identity", "User-Agent": "cronjobs"},
        auto_decompress=False,
        trust_env=False,
    )
    caller = Caller(session, door, may_send)
    try:
        async with asyncio.timeout(deadline):
            yield caller
    except TimeoutError as error:
        raise OutgoingError(
            f"The target did not answer in full within {deadline:g} s.", status=caller.status
        ) from error
    finally:
        await session.close()


@functools.cache
def _asking() -> aiohttp.TraceConfig:
    """To resolve a name and to connect takes time, in which a process may be frozen.

    One for all calls: to make it takes a quarter of the time of a call.
    """

    async def ask(_: object, context: SimpleNamespace, __: object) -> None:
        if not context.trace_request_ctx():
            raise OutgoingError(_FROZEN)

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(ask)
    return config


def _told(message: Message | None, body: bytes | None, *, signed: bool) -> dict[str, str]:
    return {} if message is None else message.headers(body or b"", signed=signed)


def _is_same_host(url: yarl.URL, other: yarl.URL) -> bool:
    """Whether a redirect stays in one hand: the same origin, or its https in place of its http."""
    return url.origin() == other.origin() or (
        url.host == other.host and (url.scheme, other.scheme) == ("http", "https")
    )


@dataclass(frozen=True)
class _Redirect:
    status: int
    url: yarl.URL


@dataclass
class _Door:
    """Opens sockets. It sees the very address of each, after all names, notations and redirects."""

    private_allowed: bool
    refused: str | None = None
    """Why a connection was not opened, for people."""

    def open(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = address
        if not self.private_allowed and not is_public(str(place[0])):
            self.refused = f"The target is at {place[0]}, which is not a public address."
            raise ForbiddenAddressError(self.refused)
        self.refused = None
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        return opened


def is_public(address: str) -> bool:
    """Whether an IP address, as the operating system writes it, is one of the public internet's.

    What it embeds counts too: IPv4 inside IPv6, in any of the ways to write it.

    >>> is_public("93.184.215.14"), is_public("::ffff:127.0.0.1"), is_public("0.0.0.0")
    (True, False, False)
    """
    plain = ip_address(address.partition("%")[0])
    return all(_is_plainly_public(each) for each in (plain, *_embedded(plain)))


def _is_plainly_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64):
        return True  # a mere wrapping: what it embeds is asked by itself
    if address.is_multicast or address.is_reserved or (isinstance(address, IPv6Address) and address.is_site_local):
        return False
    return address.is_global


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & _IPV4_BITS))
    return [each for each in found if each is not None]


class _Resolver(AbstractResolver):
    """The operating system's names, looked up in threads that nobody waits for once the deadline is over.

    Threads of a pool would be waited for when the loop closes, and a dead name server takes half a minute.
    """

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def look_up() -> None:
            found: list[Any] = []
            problem: Exception | None = None
            try:
                found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                problem = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, found, problem)

        threading.Thread(target=look_up, name="cronjobs-names", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=int(place[1]),
                family=found_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, protocol, _, place in await answer
        ]

    @override
    async def close(self) -> None:
        """Nothing is kept."""


def _settle(answer: asyncio.Future[list[Any]], found: list[Any], problem: Exception | None) -> None:
    if answer.done():
        return
    if problem is None:
        answer.set_result(found)
    else:
        answer.set_exception(problem if isinstance(problem, OSError) else OSError(str(problem)))


def _checked(url: str, *, base: yarl.URL | None = None) -> yarl.URL:
    """The URL to connect to. Raises OutgoingError, which does not repeat it."""
    try:
        parsed = yarl.URL(url) if base is None else base.join(yarl.URL(url))
        host, port = parsed.host, parsed.port
    except (ValueError, UnicodeError) as error:
        raise OutgoingError("The target, or where it redirects to, is no web address.") from error
    if parsed.scheme not in {"http", "https"} or not host or port is None:
        raise OutgoingError("The target, or where it redirects to, is no address that begins with http:// or https://.")
    if parsed.user is not None or parsed.password is not None:
        raise OutgoingError("The address of the target, or where it redirects to, carries a user name or a password.")
    return parsed


async def _beginning(response: aiohttp.ClientResponse) -> str:
    read = bytearray()
    while len(read) < MOST_BYTES:
        chunk = await response.content.read(MOST_BYTES - len(read))
        if not chunk:
            break
        read += chunk
    try:
        return read.decode(response.get_encoding(), errors="replace")
    except (LookupError, RuntimeError):  # a charset that nobody knows, or none that can be told
        return read.decode("utf-8", errors="replace")


def _worded(error: Exception, url: yarl.URL, status: int | None) -> str:
    host = url.host
    match error:
        case aiohttp.InvalidURL():
            return f"The host {host} is written in a way that can't be used."
        case aiohttp.ClientConnectorDNSError():
            return f"The host {host} has no address."
        case aiohttp.ClientSSLError():
            return f"No secure connection to {host}: {error}."
        case aiohttp.ClientConnectorError():
            return f"Nothing accepts connections at {host}:{url.port}: {error.os_error.strerror or error}."
        case _ if status is not None:
            return f"The answer of {host} broke off after status {status}."
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientOSError():
            return f"{host} closed the connection without an answer."
        case _:
            return f"The answer of {host} is no valid HTTP."
