"""The lifeline of a stack, in a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, signal, sys, time
from crossfade.gateway import backend
backend.GRACE_SECONDS = 0.3
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
backend.hold_lifeline()
assert backend.LIFELINE not in os.environ
print("holding", flush=True)
time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """Starts the program; returns it, and what lets it go."""
    started = []

    def start(*arguments):
        folder = tmp_path / "private"
        folder.mkdir()
        inner, outer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env=os.environ | {"CROSSFADE_LIFELINE": f"{inner}:{folder}"},
            pass_fds=(inner,),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(inner)
        started.append(process)
        assert process.stdout.readline() == b"holding\n"
        return process, lambda: os.close(outer)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_stack_lives_as_long_as_its_front_door(held):
    process, let_go = held()
    time.sleep(0.2)

    assert process.poll() is None
    let_go()
    assert process.wait(30) == -signal.SIGTERM


def test_a_stack_that_does_not_end_by_itself_is_ended_after_its_grace(held):
    process, let_go = held("deaf")
    let_go()

    assert process.wait(30) == -signal.SIGKILL


def test_the_private_folder_goes_with_the_last_stack(held, tmp_path):
    process, let_go = held()
    let_go()
    process.wait(30)

    assert not (tmp_path / "private").exists()


def test_without_a_lifeline_nothing_is_watched(environ):
    program = (
        "import threading; from crossfade.gateway import backend; backend.hold_lifeline();"
        "print(threading.active_count())"
    )
    result = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)

    assert result.stdout == "1\n"
