"""Many jobs in one database, of which some become due at an instant, and processes that fire them."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

from sqlalchemy import URL, Table, delete, func, insert, select, update

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import RUNNING
from cronjobs.settings import Settings
from crossfade import clock, revisions
from crossfade.project import Project
from crossfade.router import Router
from rig.serving import environment

NEVER = "0 0 1 1 *"
"""The expression of all of them: after the instant that is measured there is nothing to do for months."""
_INSERTED_AT_ONCE = 10_000

_jobs = cast("Table", Job.__table__)
_executions = cast("Table", JobExecution.__table__)


@dataclass(frozen=True)
class Process:
    """A process that was started, in a session of its own."""

    popen: subprocess.Popen[str]

    @property
    def session(self) -> int:
        """What `rig.processor` counts."""
        return self.popen.pid

    def says(self) -> str:
        """Its next line."""
        line = cast("IO[str]", self.popen.stdout).readline()
        if not line:
            raise RuntimeError(f"{self.popen.args!r} has ended")
        return line.strip()

    def tell(self, line: str) -> None:
        """Gives it a line."""
        stdin = cast("IO[str]", self.popen.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    @property
    def peak(self) -> int:
        """The most memory that it has held so far, in bytes."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def process(module: str, *arguments: str, environ: dict[str, str]) -> Generator[Process]:
    """A module that is run until the block ends."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as popen:
        try:
            yield Process(popen)
        finally:
            cast("IO[str]", popen.stdin).close()
            try:
                popen.wait(30)
            except subprocess.TimeoutExpired:
                popen.kill()


class Crowd:
    """The database, and what processes need to know of it."""

    def __init__(self, folder: Path, url: URL | None, target: str) -> None:
        """Makes the schema."""
        self.environ = environment(folder, url) | {"SCHEDULER_ENABLED": "true", "WEBHOOK_ALLOW_PRIVATE": "true"}
        self.router = Router(Settings.load(root=folder, environ=self.environ), name="bench")
        revisions.initialise(self.router, Project.find(folder))
        self._target = target

    def fill(self, count: int) -> None:
        """So many active jobs, none of them due."""
        now = clock.naive_utc()
        stamps = {"created_at": now, "updated_at": now, "planned_at": now, "next_run_at": now + timedelta(days=90)}
        rows = [
            {
                "id": f"job-{number}",
                "name": f"Job {number}",
                "cron_expression": NEVER,
                "target_url": f"{self._target}/hook/{number}",
                "job_metadata": json.dumps({"number": number}),
                **stamps,
            }
            for number in range(count)
        ]
        for start in range(0, count, _INSERTED_AT_ONCE):
            with self.router.session("flask") as session:
                session.execute(insert(_jobs), rows[start : start + _INSERTED_AT_ONCE])

    def make_due(self, count: int, at: float) -> None:
        """Jobs of the crowd are due at an instant; what was recorded of earlier ones is forgotten."""
        tick = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        numbers = [f"job-{number}" for number in range(count)]
        with self.router.session("flask") as session:
            session.execute(delete(_executions))
            session.execute(
                update(_jobs)
                .where(_jobs.c.id.in_(numbers))
                .values(next_run_at=tick, planned_at=_jobs.c.updated_at, updated_at=_jobs.c.updated_at)
            )

    def recorded(self) -> int:
        """Runs that are written down as over."""
        with self.router.session("flask") as session:
            statement = select(func.count()).select_from(_executions).where(_executions.c.status != RUNNING)
            return session.scalar(statement) or 0

    def drop(self, table: str) -> None:
        """Removes what somebody else made."""
        with self.router.engine("flask").begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")

    def wait_for(self, count: int, patience: float) -> float:
        """When so many runs were recorded; raises TimeoutError after `patience` seconds."""
        latest = time.monotonic() + patience
        while self.recorded() < count:
            if time.monotonic() > latest:
                raise TimeoutError(f"{self.recorded()} of {count} runs were recorded within {patience} s")
            time.sleep(0.05)
        return time.time()


@contextmanager
def crowd(url: URL | None, target: str, jobs: int) -> Generator[Crowd]:
    """A crowd in the empty database at `url`, or in a new SQLite file; deleted with the block."""
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as name, ExitStack() as ends:
        made = Crowd(Path(name), url, target)
        ends.callback(made.router.dispose)
        made.fill(jobs)
        yield made


def whole_second(ahead: float) -> float:
    """A whole second, so many seconds from now or a little more."""
    return float(int(time.time() + ahead) + 1)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
