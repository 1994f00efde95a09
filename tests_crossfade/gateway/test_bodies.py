"""What goes through the front door in both directions: bodies, while they are still being made, and answers."""

import asyncio
import gzip

import pytest


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_a_body_of_known_length_arrives_whole(house, method):
    await house.send(
        f"{method} /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello".encode()
    )

    assert house.flask.bodies == [b"hello"]
    assert house.flask.header(b"content-length") == [b"5"]


async def test_a_body_in_chunks_arrives_whole(house):
    await house.send(
        b"POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    )

    assert house.flask.bodies == [b"hello"]
    assert house.flask.header(b"content-length") == []


async def test_a_client_that_asks_first_is_told_to_go_on(house):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")

    assert (await reader.readline()).startswith(b"HTTP/1.1 100")
    writer.write(b"hello")
    await reader.readuntil(b"flask")
    writer.close()
    await writer.wait_closed()

    assert house.flask.bodies == [b"hello"]


async def test_a_body_is_passed_on_while_it_is_still_being_sent(house):
    first = asyncio.Event()

    async def answer(scope, receive, send):
        await receive()
        first.set()
        await house.flask.whole(receive)
        await house.flask.reply(send, b"done")

    house.flask.answer = answer
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    async with asyncio.timeout(20):
        await first.wait()
        writer.write(b"world")
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


async def test_an_answer_is_passed_on_while_it_is_still_being_made(house):
    go_on = asyncio.Event()

    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"second"})

    house.flask.answer = answer
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"first ")
        go_on.set()
        await reader.readuntil(b"second\r\n0\r\n\r\n")
    writer.close()
    await writer.wait_closed()

    assert b"transfer-encoding: chunked" in head.lower()


async def test_megabytes_go_both_ways_unharmed(house):
    sent = bytes(range(256)) * 4096 * 8

    async def answer(scope, receive, send):
        await house.flask.reply(send, await house.flask.whole(receive))

    house.flask.answer = answer
    head = b"POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(sent)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    answered = asyncio.create_task(reader.read())
    writer.write(head + sent)
    await writer.drain()
    got = await answered
    writer.close()
    await writer.wait_closed()

    assert got.endswith(b"\r\n\r\n" + sent)


async def test_a_compressed_answer_is_not_touched(house):
    packed = gzip.compress(b"hello" * 100)

    async def answer(scope, receive, send):
        await house.flask.reply(send, packed, headers=[(b"content-encoding", b"gzip")])

    house.flask.answer = answer
    status, head, body = await house.get("/api/x", headers="Accept-Encoding: gzip\r\n")

    assert (status, body) == (200, packed)
    assert b"content-encoding: gzip" in head
    assert house.flask.header(b"accept-encoding") == [b"gzip"]


async def test_every_set_cookie_of_an_answer_is_kept(house):
    async def answer(scope, receive, send):
        await house.flask.reply(send, b"", headers=[(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2; Path=/")])

    house.flask.answer = answer
    _, head, _ = await house.get("/api/x")

    assert [line for line in head.split(b"\r\n") if b"cookie" in line] == [
        b"set-cookie: a=1",
        b"set-cookie: b=2; path=/",
    ]


async def test_cookies_of_one_client_are_not_sent_for_another(house):
    async def answer(scope, receive, send):
        await house.flask.reply(send, b"", headers=[(b"set-cookie", b"session=mine")])

    house.flask.answer = answer
    await house.get("/api/x")
    await house.get("/api/x")

    assert house.flask.header(b"cookie") == []


async def test_a_redirect_is_the_clients_to_follow(house):
    async def answer(scope, receive, send):
        await house.flask.reply(send, b"", status=307, headers=[(b"location", b"http://shop.example/api/y")])

    house.flask.answer = answer
    status, head, _ = await house.get("/api/x")

    assert status == 307
    assert b"location: http://shop.example/api/y" in head
    assert len(house.flask.scopes) == 1


async def test_head_tells_the_length_and_has_no_body(house):
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1234")]})
        await send({"type": "http.response.body", "body": b""})

    house.flask.answer = answer
    status, head, body = await house.get("/api/x", method="HEAD")

    assert (status, body) == (200, b"")
    assert b"content-length: 1234" in head


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_none(house, status):
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b'"x"')]})
        await send({"type": "http.response.body", "body": b""})

    house.flask.answer = answer
    found, head, body = await house.get("/api/x", method="OPTIONS")

    assert (found, body) == (status, b"")
    assert b'etag: "x"' in head
