"""A stack's process that doesn't do what it should: small programs in the place of its server."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from crossfade.errors import StackFailedError
from crossfade.gateway import processes
from crossfade.gateway.processes import Child

ANSWERS = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 404 Not Found\\r\\n\\r\\n")
    connection.close()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ANSWERS


@pytest.fixture
def said():
    return []


@pytest.fixture
async def child(tmp_path, monkeypatch, said):
    """Makes a child whose server is the Python program that it is given."""
    made = []

    def make(program):
        monkeypatch.setattr(processes, "command", lambda _, socket: [sys.executable, "-c", program, str(socket)])
        made.append(
            Child("flask", socket=tmp_path / "socket", root=tmp_path, environ=dict(os.environ), say=said.append)
        )
        return made[-1]

    yield make
    for one in made:
        await one.stop(within=0.1)


async def test_a_process_that_answers_is_up(child):
    server = child(ANSWERS)
    await server.start()

    await server.answering()


async def test_a_process_that_never_answers_has_failed(child):
    server = child("import time; print('warming up', flush=True); time.sleep(600)")
    await server.start()

    with pytest.raises(StackFailedError, match="no answer within 1 seconds") as caught:
        await server.answering(within=1)
    assert "warming up" in str(caught.value)


async def test_a_process_that_ends_has_failed_with_what_it_said_last(child):
    server = child("import sys; print('a'); print('the till is locked', end=''); sys.exit(7)")
    await server.start()

    with pytest.raises(StackFailedError, match="ended with exit code 7") as caught:
        await server.answering()
    assert "the till is locked" in str(caught.value)


async def test_a_process_that_says_nothing_has_no_last_words(child):
    server = child("raise SystemExit(1)")
    await server.start()

    with pytest.raises(StackFailedError, match=r"Its last words: none\."):
        await server.answering()


async def test_a_process_that_does_not_listen_to_reason_is_killed(child, said):
    server = child(STUBBORN)
    await server.start()
    await server.answering()

    await server.stop(within=0.3)

    assert await server.ended() == -9
    assert said == ["[flask] didn't end within 0.3 s: killed"]


async def test_a_child_that_was_never_started_is_stopped_already(child):
    await child(ANSWERS).stop()


async def test_a_child_that_was_never_started_has_no_end(child):
    with pytest.raises(RuntimeError, match="never started"):
        await child(ANSWERS).ended()


async def test_lines_are_passed_on_whole_however_long_and_odd(child, said):
    program = (
        "import sys; sys.stdout.buffer.write(b'x' * 200_000 + b'\\n\\xff\\xfe\\nlast'); sys.stdout.flush()\n" + ANSWERS
    )
    server = child(program)
    await server.start()
    await server.answering()
    await server.stop()

    assert [len(line) for line in said] == [len("[flask] ") + 200_000, len("[flask] ") + 2, len("[flask] last")]


async def test_a_program_that_outlives_its_server_does_not_hold_up_the_end(child, tmp_path):
    note = tmp_path / "note"
    program = (
        "import pathlib, subprocess, sys\n"
        "lasting = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        f"pathlib.Path({str(note)!r}).write_text(str(lasting.pid))\n"
    ) + ANSWERS
    server = child(program)
    await server.start()
    await server.answering()
    try:
        await server.stop()
        assert await server.ended() == -15
    finally:
        os.kill(int(await asyncio.to_thread(Path(note).read_text)), 9)


async def test_a_process_that_keeps_ending_is_started_again_after_pauses_that_grow(child, said, monkeypatch):
    monkeypatch.setattr(processes, "_FIRST_PAUSE", 0.01)
    server = child("raise SystemExit(3)")
    await server.start()
    watching = asyncio.create_task(server.watch())
    async with asyncio.timeout(30):
        while len(said) < 3:  # noqa: ASYNC110  what is said is a list
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.wait({watching})

    assert said[:3] == [
        "[flask] ended with exit code 3; it is started again in 0.02 s",
        "[flask] ended with exit code 3; it is started again in 0.04 s",
        "[flask] ended with exit code 3; it is started again in 0.08 s",
    ]


async def test_a_process_that_was_steady_is_started_again_at_once(child, said, monkeypatch):
    monkeypatch.setattr(processes, "_STEADY_SECONDS", -1.0)
    monkeypatch.setattr(processes, "_FIRST_PAUSE", 0.01)
    server = child("raise SystemExit(3)")
    await server.start()
    watching = asyncio.create_task(server.watch())
    async with asyncio.timeout(30):
        while len(said) < 2:  # noqa: ASYNC110  what is said is a list
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.wait({watching})

    assert set(said) == {"[flask] ended with exit code 3; it is started again in 0.01 s"}
