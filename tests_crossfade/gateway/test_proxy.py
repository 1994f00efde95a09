"""Requests through the front door, over real sockets: which stack gets them, and how they arrive there."""

import asyncio
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


async def test_one_connection_carries_requests_to_both_stacks(house):
    lines = b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /api/v2/x HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    for line, words in zip(lines * 2, (b"flask", b"fastapi") * 2, strict=True):
        writer.write(line)
        await reader.readuntil(words)
    writer.close()
    await writer.wait_closed()

    assert len(house.flask.scopes) == len(house.fastapi.scopes) == 2


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
