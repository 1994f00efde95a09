"""Mail servers and others, real ones on the loopback, that take what they are given, are slow, refuse or lie."""

import asyncio
import socket
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.policy import default as policy
from functools import partial

import pytest
from aiosmtpd.smtp import SMTP

from cronjobs.services.news import Line, Mail, Post
from cronjobs.settings import Settings


class Postbox:
    """What a mail server was handed, and whom it refuses."""

    def __init__(self):
        self.envelopes = []
        self.refused = set()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def letters(self):
        return [message_from_bytes(each.content, policy=policy) for each in self.envelopes]


@pytest.fixture
def unused_port():
    """A port on the loopback where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def _serving(postbox, *, implicit=None, **options):
    """A real mail server; its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server")
    thread.start()

    def called(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    async def end():
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    made = partial(SMTP, postbox, hostname="localhost", loop=loop, **options)
    server = called(loop.create_server(made, "127.0.0.1", 0, ssl=implicit))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        called(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="session")
def serving():
    """Starts a real mail server, in a block."""
    return _serving


@pytest.fixture
def postbox():
    return Postbox()


@pytest.fixture
def mailing(postbox, tmp_path):
    """Settings with a mail server on loopback."""
    with _serving(postbox) as port:
        yield Settings(root=tmp_path, mail_server="127.0.0.1", mail_port=port, mail_use_tls=False)


def _says_nothing(connection):
    connection.recv(1)


def _drips(connection):
    while True:
        connection.send(b"2")
        time.sleep(0.02)


def _drips_lines(connection):
    while True:
        connection.send(b"220-hello\r\n")
        time.sleep(0.02)


def _floods(connection):
    while True:
        connection.send(b"220-hello\r\n" * 1000)


def _hangs_up(connection):
    connection.send(b"220 hello\r\n")


def _starts_tls_and_says_nothing(connection):
    connection.send(b"220 hello\r\n")
    connection.recv(100)
    connection.send(b"250-hello\r\n250 STARTTLS\r\n")
    connection.recv(100)
    connection.send(b"220 go ahead\r\n")
    while True:
        connection.send(b"\x16\x03\x03\x40\x00"[:1])
        time.sleep(0.02)


def _talks_nonsense(connection):
    connection.send(b"\xff\xfe\x00 HTTP/1.1 200 OK\r\n\r\n")


ACTS = {
    "says nothing": _says_nothing,
    "drips": _drips,
    "drips lines": _drips_lines,
    "floods": _floods,
    "hangs up": _hangs_up,
    "starts tls and says nothing": _starts_tls_and_says_nothing,
    "talks nonsense": _talks_nonsense,
}


@contextmanager
def _behaving(act):
    """A server that does `act` with each connection; its port. In the end it hangs up on all."""
    connections = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connections.append(self.request)
            with suppress(OSError):
                act(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def behaving():
    """Starts a server that behaves so, by its name, in a block."""
    return lambda act: _behaving(ACTS[act])


@pytest.fixture(scope="session")
def letter():
    """Makes a letter."""

    def make(*to, subject="Job failed: nightly", lines=("It failed.",), path="/jobs/1"):
        return Mail(about="job 1", to=to or ("ops@example.com",), subject=subject, lines=lines, path=path)

    return make


@pytest.fixture(scope="session")
def post():
    """Makes a message for Slack."""

    def make(url, *lines, channel=None):
        return Post(
            about="job 1", webhook_url=url, channel=channel, lines=lines or (Line("It failed."),), path="/jobs/1"
        )

    return make
