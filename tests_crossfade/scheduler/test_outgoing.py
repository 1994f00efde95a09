"""The way out to the network: where it doesn't lead, and what it survives."""

import asyncio
import gc
import re
import socket
import threading

import pytest

from cronjobs.scheduler import outgoing, runner
from cronjobs.scheduler.outgoing import is_public
from cronjobs.scheduler.signing import Message
from cronjobs.services.calls import Call
from crossfade import clock


def call(url, **fields):
    return Call(kind="webhook", url=url, **({"deadline": 5.0} | fields))


async def outcome_of(url, settings, **fields):
    message = Message(id="run", attempt=1, sent_at=clock.now(), secret=None)
    return await runner._outcome(call(url, **fields), settings, message)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_the_public_internet_is_public(address):
    assert is_public(address)


NOT_PUBLIC = """
127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 192.0.0.1
192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0
fc00::1 fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 100::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:a00:1::1
2001:0:4136:e378:8000:63bf:3fff:fdd2
"""
LOOPBACK = """
127.0.0.1 localhost 0.0.0.0 2130706433 0x7f000001 0x7f.1 017700000001 0177.0.0.1 127.1 LOCALHOST localhost.
[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1]
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_everything_else_is_not(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", LOOPBACK.split())
async def test_no_notation_of_loopback_gets_through(host, target, guarded):
    target.answers("/hook")

    outcome = await outcome_of(f"http://{host}:{target.port}/hook", guarded)

    assert not outcome.ok
    assert outcome.status is None
    # Some notations are not even taken for a host.
    assert re.search("not a public address|no web address|written in a way|has no address", outcome.error)
    assert target.received == []


async def test_a_name_that_resolves_to_a_private_address_does_not_get_through(target, guarded, monkeypatch):
    real = socket.getaddrinfo

    def look_up(host, *args, **kwargs):
        return real("127.0.0.1" if host == "innocent.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    outcome = await outcome_of(f"http://innocent.example:{target.port}/hook", guarded)

    assert outcome.error == "The target is at 127.0.0.1, which is not a public address."
    assert target.received == []


async def test_private_addresses_are_reached_where_they_are_allowed(target, plain):
    outcome = await outcome_of(target.answers("/hook", 200, "fine"), plain)

    assert (outcome.ok, outcome.status, outcome.error, outcome.output) == (True, 200, None, "fine")


async def test_each_hop_of_a_redirect_is_checked(target, guarded, monkeypatch):
    """The first hop is taken for public here; the second is looked at like the first."""
    monkeypatch.setattr(outgoing, "is_public", lambda address: address == "127.0.0.1")
    target.answers("/inner")
    target.redirects("/outer", f"http://127.0.0.2:{target.port}/inner")

    outcome = await outcome_of(target.url("/outer"), guarded)

    assert outcome.error == "The target is at 127.0.0.2, which is not a public address."
    assert [each.path for each in target.received] == ["/outer"]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1/",
        "http://[",
        "gopher:x",
    ],
)
async def test_a_redirect_to_what_no_target_may_be_is_not_followed(location, target, plain):
    outcome = await outcome_of(target.redirects("/hook", location), plain)

    assert not outcome.ok
    assert "redirects to" in outcome.error
    assert "secret" not in outcome.error


@pytest.mark.parametrize(
    "url", ["ftp://example.com/x", "http://u:p@127.0.0.1/", "not a url", "http:///x", "", "http://\x00"]
)
async def test_a_target_that_is_no_plain_web_address_fails_the_run(url, plain):
    outcome = await outcome_of(url, plain)

    assert not outcome.ok
    assert outcome.status is None


async def test_redirects_are_followed_and_relative_ones_understood(target, plain):
    target.answers("/b/end", 200, "arrived")
    target.redirects("/b/middle", "end")
    target.redirects("/a", "/b/middle")

    outcome = await outcome_of(target.url("/a"), plain)

    assert (outcome.ok, outcome.output) == (True, "arrived")


async def test_a_circle_of_redirects_ends(target, plain):
    outcome = await outcome_of(target.redirects("/round", "/round"), plain)

    assert "redirects more than 5 times" in outcome.error
    assert len(target.received) == 6


@pytest.mark.parametrize(
    ("status", "method", "body"), [(303, "GET", b""), (302, "GET", b""), (307, "POST", b'{"a": 1}')]
)
async def test_a_redirected_post_goes_on_as_its_status_says(status, method, body, target, plain):
    target.answers("/end")

    await outcome_of(target.redirects("/hook", "/end", status), plain, metadata={"a": 1})

    (last,) = target.calls("/end")
    assert (last.method, last.body) == (method, body)


async def test_metadata_are_posted_and_without_any_it_is_a_get(target, plain):
    target.answers("/hook")

    await outcome_of(target.url("/hook"), plain, metadata={"größe": 1})
    await outcome_of(target.url("/hook"), plain, metadata={})
    await outcome_of(target.url("/hook"), plain, metadata=None)

    first, second, third = target.received
    assert (first.method, first.json, first.headers["content-type"]) == ("POST", {"größe": 1}, "application/json")
    assert [second.method, third.method] == ["GET", "GET"]


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (299, True), (300, False), (404, False), (500, False)]
)
async def test_two_hundreds_are_success(status, ok, target, plain):
    outcome = await outcome_of(target.answers("/hook", status), plain)

    assert (outcome.ok, outcome.status) == (ok, status)
    assert outcome.error == (None if ok else f"The target answered {status}.")


async def test_a_target_that_never_answers_costs_the_deadline_and_no_more(target, plain):
    async def act(*_):
        await asyncio.sleep(60)

    outcome = await outcome_of(target.does("/slow", act), plain, deadline=0.3)

    assert (outcome.ok, outcome.status) == (False, None)
    assert outcome.error == "The target did not answer in full within 0.3 s."


async def test_a_dripping_body_costs_the_deadline_and_no_more(target, plain):
    async def drip(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    outcome = await outcome_of(target.does("/drip", drip), plain, deadline=0.3)

    assert (outcome.ok, outcome.status) == (False, 200)
    assert "within 0.3 s" in outcome.error


async def test_redirects_share_the_one_deadline(target, plain):
    async def dawdle(_, writer):
        await asyncio.sleep(0.15)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /dawdle\r\nContent-Length: 0\r\n\r\n")

    outcome = await outcome_of(target.does("/dawdle", dawdle), plain, deadline=0.4)

    assert "within 0.4 s" in outcome.error


async def test_a_name_server_that_does_not_answer_costs_the_deadline_and_no_more(plain, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30))
    try:
        outcome = await outcome_of("http://slow.example/", plain, deadline=0.3)
    finally:
        answered.set()

    assert "within 0.3 s" in outcome.error


def test_the_thread_that_still_asks_a_name_server_holds_nobody_up(plain, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30))
    try:
        # asyncio.run waits for the threads of its own pool when it closes; this must return all the same.
        outcome = asyncio.run(outcome_of("http://slow.example/", plain, deadline=0.2))
        still_asking = [each for each in threading.enumerate() if each.name == "cronjobs-names"]
    finally:
        answered.set()

    assert not outcome.ok
    assert still_asking
    for thread in still_asking:
        thread.join(5)


async def test_a_huge_body_is_read_in_part_and_kept_in_small_part(target, plain):
    async def flood(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    outcome = await outcome_of(target.does("/flood", flood), plain)

    assert (outcome.ok, outcome.output) == (True, "x" * 1000)


@pytest.mark.parametrize(
    ("raw", "status", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", 200, "broke off after status 200"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 200, "broke off after status 200"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", None, "no valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", None, "no valid HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None, "no valid HTTP"),
        (b"HTTP/1.1 999999 What\r\n\r\n", None, "no valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", None, "no valid HTTP"),
        (b"", None, "closed the connection without an answer"),
    ],
)
async def test_a_lying_target_fails_the_run_and_nothing_else(raw, status, error, target, plain):
    outcome = await outcome_of(target.sends("/lie", raw), plain)

    assert (outcome.ok, outcome.status) == (False, status)
    assert error in outcome.error


async def test_a_longer_body_than_declared_is_cut_to_what_was_declared(target, plain):
    outcome = await outcome_of(
        target.sends("/lie", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500"), plain
    )

    assert (outcome.ok, outcome.output) == (True, "ok")


async def test_a_body_is_text_whatever_it_is(target, plain):
    def of(charset):
        return {"Content-Type": f"text/plain; charset={charset}"}

    latin = await outcome_of(target.answers("/1", body=b"gr\xfc\xdfe", headers=of("latin-1")), plain)
    odd = await outcome_of(target.answers("/2", body=b"hi", headers=of("klingon")), plain)
    binary = await outcome_of(target.answers("/3", body=b"a\x00b\xff\xfe"), plain)

    assert latin.output == "grüße"
    assert odd.output == "hi"
    assert binary.ok
    assert "\x00" not in binary.output


async def test_a_compressed_answer_is_neither_asked_for_nor_unpacked(target, plain):
    target.answers("/bomb", body=b"\x1f\x8b" + b"\x00" * 50, headers={"Content-Encoding": "gzip"})

    outcome = await outcome_of(target.url("/bomb"), plain)

    assert outcome.ok
    assert target.received[0].headers["accept-encoding"] == "identity"


async def test_nobody_listening_and_no_such_host_are_told_apart(plain, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        refused = await outcome_of(f"http://127.0.0.1:{taken.getsockname()[1]}/", plain)

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    nameless = await outcome_of("http://nowhere.example/", plain)

    assert "Nothing accepts connections at 127.0.0.1" in refused.error
    assert nameless.error == "The host nowhere.example has no address."


async def test_proxies_of_the_environment_play_no_part(target, plain, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await outcome_of(target.answers("/hook"), plain)).ok


async def test_cookies_are_not_kept(target, plain):
    target.answers("/end")
    target.answers("/hook", 302, headers={"Location": "/end", "Set-Cookie": "a=b"})

    await outcome_of(target.url("/hook"), plain)

    assert "cookie" not in target.calls("/end")[0].headers


async def test_nothing_is_left_open(target, plain):
    for _ in range(3):
        await outcome_of(target.sends("/lie", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), plain)
    gc.collect()  # an unclosed session or connection would warn, and a warning is an error here


async def test_a_target_without_the_security_that_was_asked_for_is_named(plain):
    async def answer_in_the_clear(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer_in_the_clear, "127.0.0.1", 0) as clear:
        outcome = await outcome_of(f"https://127.0.0.1:{clear.sockets[0].getsockname()[1]}/", plain)

    assert (outcome.ok, outcome.status) == (False, None)
    assert outcome.error.startswith("No secure connection to 127.0.0.1")
