"""Requests through the front door, over real sockets."""

import asyncio
import gzip
import json

import pytest


async def test_each_path_is_answered_by_its_stack(house):
    assert (await house.get("/api/jobs"))[2] == b"flask"
    assert (await house.get("/api/v2/jobs"))[2] == b"fastapi"
    assert (await house.get("/openapi.json"))[2] == b"fastapi"


async def test_a_path_that_nobody_answers_is_a_404_of_the_front_door(house):
    status, head, body = await house.get("/elsewhere")

    assert status == 404
    assert b"content-type: application/json" in head
    assert json.loads(body) == {"error": "Not found", "message": "Nothing answers this path."}


async def test_the_front_doors_own_answer_to_head_has_no_body(house):
    status, head, body = await house.get("/elsewhere", method="HEAD")

    assert status == 404
    assert b"content-length: 63" in head
    assert body == b""


@pytest.mark.parametrize(
    "target",
    [
        "/api/a%20b%2Fc/%2e%2e/d",
        "/api//double//slashes/",
        "/api/../../etc/passwd",
        "/api/v1;matrix=1",
        "/api/%C3%A9%FF",
        "/api/x?q=a%20b&q=%26&empty=&plus=a+b",
        "/api/x?next=/api/v2?x",
        "/api/x#not-a-fragment",
    ],
)
async def test_a_target_reaches_the_stack_as_it_was_written(house, target):
    await house.get(target)

    path, _, query = target.partition("?")
    scope = house.flask.scopes[-1]
    assert scope["raw_path"] == path.encode()
    assert scope["query_string"] == query.encode()


@pytest.mark.parametrize(("target", "stack"), [("/%61pi/jobs", "flask"), ("/api/%762/jobs", "fastapi")])
async def test_another_spelling_of_a_path_reaches_the_stack_that_would_understand_it(house, target, stack):
    assert (await house.get(target))[2] == stack.encode()


@pytest.mark.parametrize("target", ["/api%252Fv2/jobs", "http://elsewhere.example/api/jobs", "/%2Fapi/jobs"])
async def test_no_spelling_slips_through_to_a_stack(house, target):
    assert (await house.get(target))[0] == 404


async def test_the_method_the_host_and_the_headers_arrive_unchanged(house):
    await house.get(
        "/api/x", method="PURGE", headers="X-One: 1\r\nX-Two: caf\u00e9\r\nX-One: 2\r\n".encode().decode("latin-1")
    )

    assert house.flask.scopes[-1]["method"] == "PURGE"
    assert house.flask.header(b"host") == [b"shop.example"]
    assert house.flask.header(b"x-one") == [b"1", b"2"]
    assert house.flask.header(b"x-two") == ["caf\u00e9".encode()]


async def test_nothing_is_added_but_what_the_front_door_knows(house):
    await house.get("/api/x", headers="X-Forwarded-For: 10.9.8.7\r\n")

    assert sorted(house.flask.headers) == [
        (b"host", b"shop.example"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-host", b"shop.example"),
        (b"x-forwarded-proto", b"http"),
    ]


async def test_a_header_that_is_not_utf_8_is_refused_rather_than_changed(house):
    status, _, body = await house.get("/api/x", headers="X-Name: caf\u00e9\r\n")

    assert status == 400
    assert json.loads(body)["error"] == "Bad request"
    assert house.flask.scopes == []


@pytest.mark.parametrize("character", ["\x01", "\x1f", "\x7f"])
async def test_a_header_with_a_control_character_is_refused(house, character):
    status, _, body = await house.get("/api/x", headers=f"X-Name: a{character}b\r\n")

    assert status == 400
    assert json.loads(body)["message"] == "A header of the request holds a control character."
    assert house.flask.scopes == []


@pytest.mark.parametrize("parts", [(66_000, 1), (1, 66_000), (33_000, 33_000)])
async def test_a_head_that_is_too_large_is_refused_before_any_stack_sees_it(house, parts):
    of_address, of_header = parts
    head = f"GET /api/x?q={'y' * of_address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {'z' * of_header}"

    answer, _, body = (await house.send(f"{head}\r\n\r\n".encode())).partition(b"\r\n\r\n")

    assert answer.split()[1] in {b"431", b"400"}  # as it arrives, whole or in parts
    assert json.loads(body).keys() == {"error", "message"}
    assert house.flask.scopes == []


@pytest.mark.parametrize(
    "request_line_and_headers",
    [
        "nonsense",
        "GET /api/x HTTP/1.1",
        "GET /api/x HTTP/1.1\r\nHost: a\r\nHost: b",
        "GET /api/x HTTP/1.1\r\nHost: x\r\nX-Name : a",
        "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
    ],
)
async def test_what_is_no_http_is_refused_in_the_form_of_every_error(house, request_line_and_headers):
    head, _, body = (await house.send(f"{request_line_and_headers}\r\n\r\n".encode())).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body).keys() == {"error", "message"}
    assert house.flask.scopes == []


async def test_a_body_that_turns_out_to_be_no_http_after_its_answer_began_breaks_off(house):
    async def answer(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    house.flask.answer = answer
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    head = await reader.readuntil(b"half")
    writer.write(b"no chunk\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("length", [b"1", b"2", b"500"])
async def test_of_a_length_and_chunks_the_chunks_are_believed(house, length):
    await house.send(
        b"POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + length + b"\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )

    assert house.flask.bodies == [b"{}"]
    assert house.flask.header(b"content-length") == []


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


async def test_one_connection_carries_requests_to_both_stacks(house):
    lines = b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /api/v2/x HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    for line, words in zip(lines * 2, (b"flask", b"fastapi") * 2, strict=True):
        writer.write(line)
        await reader.readuntil(words)
    writer.close()
    await writer.wait_closed()

    assert len(house.flask.scopes) == len(house.fastapi.scopes) == 2


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

    async def test_a_client_may_take_its_time_to_send(self, house):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
        await asyncio.sleep(0.5)
        writer.write(b"lo")

        assert (await reader.readuntil(b"flask")).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()

    async def test_an_answer_that_has_begun_may_take_its_time(self, house):
        async def answer(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await asyncio.sleep(0.5)
            await send({"type": "http.response.body", "body": b"b"})

        house.flask.answer = answer

        assert (await house.get("/api/x"))[2] == b"ab"


async def test_a_websocket_is_refused_in_words(house):
    status, _, body = await house.get(
        "/api/v2/live", headers="Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"
    )

    assert status == 501
    assert json.loads(body)["error"] == "Not supported"
    assert house.fastapi.scopes == []


async def test_a_websocket_under_a_server_that_speaks_it_is_refused_too(house):
    sent = []

    async def send(message):
        sent.append(message)

    await house.proxy({"type": "websocket", "path": "/api/v2/live"}, None, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_log_shows_the_path_without_the_query(house, caplog):
    caplog.set_level("INFO", "crossfade.gateway")
    await house.get("/api/x?token=very-secret")

    assert any("GET /api/x 200 flask" in line for line in caplog.messages)
    assert "very-secret" not in caplog.text


@pytest.mark.parametrize("value", ["websocket", "WebSocket"])
async def test_an_upgrade_that_is_not_asked_for_by_connection_is_still_refused(house, value):
    assert (await house.get("/api/x", headers=f"Upgrade: {value}\r\n"))[0] == 501
