"""What a killed run has left is taken away by the next one, and nothing else is."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.testing import places

OWNER = """
import sys
from crossfade.testing import postgres

with postgres.embedded() as server:
    print(server.process, server.url.query["host"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed(environ):
    """The pid of the server, and the folder, of a process that was killed with kill -9."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        process, host = owner.stdout.readline().split()
        # Its folder is locked as long as it lives.
        folder = next(parent for parent in Path(host).parents if parent.name.startswith("crossfade-test-"))
        places.reap([folder.parent])
        assert folder.is_dir()
        owner.kill()
    return int(process), folder


def test_the_server_and_the_folder_of_a_killed_run_are_taken_away(killed) -> None:
    process, folder = killed
    server = os.pidfd_open(process)

    places.reap([folder.parent])

    # Readable when it has ended.
    assert select.select([server], [], [], 10)[0]
    os.close(server)
    assert not folder.exists()


def test_a_stranger_that_has_the_number_of_a_dead_server_is_left_alone(tmp_path) -> None:
    folder = tmp_path / "crossfade-test-pg-x"
    (folder / "data").mkdir(parents=True)
    (folder / "owner.lock").touch()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (folder / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{folder / 'data'}\n")

        places.reap([tmp_path])

        assert stranger.poll() is None
        stranger.send_signal(signal.SIGTERM)
    assert not folder.exists()


def test_a_folder_of_a_living_owner_and_one_of_nobody_known_stay(tmp_path) -> None:
    (tmp_path / "crossfade-test-unknown").mkdir()

    with places.place("mine-", room=1) as mine:
        places.reap([mine.parent, tmp_path])

        assert mine.is_dir()

    assert not mine.exists()
    assert (tmp_path / "crossfade-test-unknown").is_dir()
