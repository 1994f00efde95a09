"""Folders of a test run: they go with it, and those of a run that was killed go when the next one begins.

Whose owner lives is told by a lock that the owner holds, which ends with it however it ends. A number of a process
would not do: it is given to another one afterwards.
"""

import fcntl
import os
import select
import signal
import tempfile
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import disk_usage, rmtree
from typing import TextIO

MEMORY = Path("/dev/shm")
PATIENCE = 10.0
"""Seconds that a server without an owner may take to end, before it is killed."""

_PREFIX = "crossfade-test-"
_OWNER = "owner.lock"


def memory(room: int) -> Path | None:
    """Where files are kept in memory, if there is room for so many bytes."""
    return MEMORY if MEMORY.is_dir() and disk_usage(MEMORY).free >= room else None


@contextmanager
def place(name: str, *, room: int) -> Generator[Path]:
    """A new folder, in memory where there is room for so many bytes; it goes with the block.

    Before that, `reap` takes away what killed runs have left.
    """
    reap(each for each in (MEMORY, Path(tempfile.gettempdir())) if each.is_dir())
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}", dir=memory(room)))
    with ExitStack() as ends:
        ends.callback(rmtree, folder, ignore_errors=True)
        claim = ends.enter_context((folder / "claim").open("w"))
        fcntl.flock(claim, fcntl.LOCK_EX)
        # Only now under its name: nobody may find it unlocked while its owner lives.
        (folder / "claim").rename(folder / _OWNER)
        yield folder


def reap(parents: Iterable[Path]) -> None:
    """Takes away the folders in these whose owner is dead, and ends the PostgreSQL servers that run there."""
    for parent in parents:
        for owner in parent.glob(f"{_PREFIX}*/{_OWNER}"):
            # Another user's, or gone meanwhile.
            with suppress(OSError), owner.open("r+") as claim:
                _reap(owner.parent, claim)


def _reap(folder: Path, claim: TextIO) -> None:
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if _ended(folder / "data"):
        rmtree(folder, ignore_errors=True)


def _ended(data: Path) -> bool:
    """Whether no server runs on a data directory; one that does is ended."""
    try:
        process = os.pidfd_open(int((data / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return True
    try:
        # From here on the number can't come to mean another process; whether it already does, its directory tells.
        if Path(f"/proc/{_pid(process)}/cwd").readlink() != data:
            return True
        for how in (signal.SIGQUIT, signal.SIGKILL):
            signal.pidfd_send_signal(process, how)
            if select.select([process], [], [], PATIENCE)[0]:
                return True
        return False
    except (FileNotFoundError, ProcessLookupError):
        return True
    finally:
        os.close(process)


def _pid(process: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{process}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
