"""Clients that leave, stacks that break off, aren't there, are silent or talk gibberish."""

import asyncio
import json

import pytest


async def test_a_client_that_leaves_takes_its_request_along(house):
    async def answer(scope, receive, send):
        await house.fastapi.whole(receive)
        assert (await receive())["type"] == "http.disconnect"
        house.fastapi.left.set()

    house.fastapi.answer = answer
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"GET /api/v2/x HTTP/1.1\r\nHost: x\r\n\r\n")
    await house.fastapi.asked.wait()
    writer.close()

    async with asyncio.timeout(20):
        await house.fastapi.left.wait()


async def test_a_client_that_leaves_in_the_middle_of_its_body_takes_its_request_along(house):
    async def answer(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass
        house.fastapi.left.set()

    house.fastapi.answer = answer
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"POST /api/v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    await house.fastapi.asked.wait()
    writer.close()

    async with asyncio.timeout(20):
        await house.fastapi.left.wait()


async def test_an_answer_before_the_end_of_the_request_is_passed_on(house):
    async def answer(scope, receive, send):
        await house.flask.reply(send, b"enough", status=413)

    house.flask.answer = answer
    answered = await house.send(
        b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhello", until=b"enough"
    )

    assert answered.startswith(b"HTTP/1.1 413")


async def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(house):
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    house.flask.answer = answer
    _, head, body = await house.get("/api/x")

    assert b"content-length: 10" in head
    assert body == b"half"


async def test_an_answer_in_chunks_that_breaks_off_has_no_end(house):
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    house.flask.answer = answer
    _, head, body = await house.get("/api/x")

    assert b"chunked" in head
    assert not body.endswith(b"0\r\n\r\n")


async def test_a_stack_that_is_not_there_is_a_502(house):
    house.flask.socket.unlink()
    status, _, body = await house.get("/api/x")

    assert status == 502
    assert json.loads(body) == {"error": "Bad gateway", "message": "The flask application doesn't answer."}
    assert (await house.get("/api/v2/x"))[0] == 200


async def test_a_stack_that_is_not_there_is_a_502_for_a_request_with_a_body_too(house):
    house.flask.socket.unlink()
    answered = await house.send(
        b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    )

    assert answered.startswith(b"HTTP/1.1 502")


async def test_a_stack_that_hangs_up_without_an_answer_is_a_502(house):
    async def answer(scope, receive, send):
        pass

    house.flask.answer = answer

    # The server under the stack makes an error of its own of it, so the connection itself has to go.
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    house.flask.socket.unlink()
    async with await asyncio.start_unix_server(hang_up, house.flask.socket):
        assert (await house.get("/api/x"))[0] == 502


async def test_a_stack_that_talks_gibberish_is_a_502(house):
    async def babble(reader, writer):
        writer.write(b"gibberish\r\n\r\n")
        await writer.drain()
        writer.close()

    house.flask.socket.unlink()
    async with await asyncio.start_unix_server(babble, house.flask.socket):
        assert (await house.get("/api/x"))[0] == 502


class TestImpatience:
    @pytest.fixture
    def patience(self):
        return 0.2

    async def test_a_stack_that_is_silent_for_too_long_is_a_504(self, house):
        async def answer(scope, receive, send):
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            house.flask.left.set()

        house.flask.answer = answer
        status, _, body = await house.get("/api/x")

        assert status == 504
        assert json.loads(body)["error"] == "Gateway timeout"
        async with asyncio.timeout(20):
            await house.flask.left.wait()


class TestSlowness:
    """What is not the stack's silence takes longer than the door's patience, which a busy machine doesn't use up."""

    @pytest.fixture
    def patience(self):
        return 2.0

    async def test_a_client_may_take_its_time_to_send(self, house):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
        await asyncio.sleep(2.2)
        writer.write(b"lo")

        answer = await reader.readuntil(b"flask")
        writer.close()
        await writer.wait_closed()

        assert answer.startswith(b"HTTP/1.1 200")

    async def test_an_answer_that_has_begun_may_take_its_time(self, house):
        async def answer(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await asyncio.sleep(2.2)
            await send({"type": "http.response.body", "body": b"b"})

        house.flask.answer = answer

        assert (await house.get("/api/x"))[2] == b"ab"
