"""The front door's address, and what happens when nothing is behind the door any more."""

import errno
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossfade.errors import AddressError
from crossfade.gateway import door, serving
from crossfade.gateway.front import Front
from crossfade.project import FRONT


def test_an_address_is_taken_from_the_first_moment():
    with door.take("127.0.0.1", 0) as first, pytest.raises(AddressError, match="another program uses it"):
        door.take("127.0.0.1", first.getsockname()[1])


def test_an_address_that_was_given_up_can_be_taken_again_at_once():
    with door.take("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.accept()[0].close()

    door.take("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:"), ("localhost", "http://")],
)
def test_the_address_is_one_that_a_browser_understands(host, shown):
    with door.take(host, 0) as listener:
        assert door.address_of(listener).startswith(shown)


@pytest.mark.parametrize(("name", "shown"), [("::1", "http://[::1]:80"), ("::", "http://[::1]:80")])
def test_an_address_of_ip_6_is_in_brackets(name, shown):
    assert door.address_of(SimpleNamespace(getsockname=lambda: (name, 80, 0, 0))) == shown


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "a port above 1023"), (errno.EADDRNOTAVAIL, "Cannot assign requested address")],
)
def test_a_refusal_of_the_system_is_explained(monkeypatch, number, words):
    def refuse(*_):
        raise OSError(number, "refused")

    monkeypatch.setattr(socket.socket, "listen", refuse)

    with pytest.raises(AddressError, match=words):
        door.take("127.0.0.1", 0)


async def test_the_door_closes_when_a_stack_cannot_be_started_again():
    async def watch():
        raise OSError(errno.EMFILE, "too many open files")

    listener = door.take("127.0.0.1", 0)
    children = {"flask": SimpleNamespace(socket=Path("/nowhere"), watch=watch)}

    with pytest.raises(OSError, match="too many open files"):
        await serving._keep_open(Front.of(FRONT), children, listener, serving._Stop([]))
    assert listener.fileno() == -1
