"""The disposable database of a drill: the schema and the jobs of an installation, aimed at a target of ours.

Nothing but jobs is copied: no users, addresses or tokens, so that nobody is told of anything. Every job gets the
target's address in place of its own, and an expression that is due once a year: the conductor says when it is due.
"""

import json
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime, timedelta
from os import environ as surroundings
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import URL, Engine, Table, create_engine, func, insert, select
from sqlalchemy.pool import NullPool

from cronjobs.models import Job, SchedulerControl
from cronjobs.models.base import new_id
from cronjobs.models.jobs import ALLOW, FAIL, QUEUE, RETRY, SKIP
from cronjobs.models.scheduling import BOTH
from cronjobs.services.drafts import POLICIES
from cronjobs.settings import Settings
from crossfade import clock, revisions
from crossfade.project import Project
from crossfade.router import Router

_AHEAD = timedelta(days=3650)
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")
_INSERTED_AT_ONCE = 1000

_jobs = cast("Table", Job.__table__)
_control = cast("Table", SchedulerControl.__table__)


class Stage:
    """A database with jobs, and what leads processes to it."""

    def __init__(self, url: URL, folder: Path, target: str) -> None:
        """Makes the schema in the empty database at `url`; `folder` becomes the project of the processes."""
        shutil.copy(Project.find().root / "pyproject.toml", folder)
        self.folder = folder
        self.environ = {
            **{name: surroundings[name] for name in _KEPT if name in surroundings},
            "CROSSFADE_PROJECT": str(folder),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "SCHEDULER_ENABLED": "true",
            "WEBHOOK_ALLOW_PRIVATE": "true",
            "SECRET_KEY": uuid4().hex,
        }
        self.target = target
        self.settings = Settings.load(root=folder, environ=self.environ)
        self.router = Router(self.settings, name="drill")
        revisions.initialise(self.router, Project.find(folder))

    @property
    def engine(self) -> Engine:
        """Of the database."""
        return self.router.engine("flask")

    def fill(self, copied: Iterable[dict[str, Any]], least: int) -> int:
        """Stores the copied jobs, and as many made-up ones as it takes to have `least`; how many there are."""
        rows = [self._row(number, each) for number, each in enumerate(copied)]
        rows += [self._row(number, _made_up(number)) for number in range(len(rows), least)]
        with self.engine.begin() as connection:
            for start in range(0, len(rows), _INSERTED_AT_ONCE):
                connection.execute(insert(_jobs), rows[start : start + _INSERTED_AT_ONCE])
            connection.execute(_control.delete())
            connection.execute(insert(_control), {"id": 1, "owner": BOTH, "changed_by": "drill"})
            elsewhere = select(func.count()).where(
                ~func.coalesce(_jobs.c.target_url, "").startswith(self.target, autoescape=True)
            )
            if connection.scalar(elsewhere):
                raise RuntimeError("a job of the drill leads elsewhere than to its own target")
        return len(rows)

    def _row(self, number: int, policies: dict[str, Any]) -> dict[str, Any]:
        now = clock.naive_utc()
        return {
            "id": new_id(),
            "name": f"Drill {number}",
            "cron_expression": _never(now),
            # Every tenth call fails once: retries are part of what is drilled.
            "target_url": f"{self.target}/{'flaky' if number % 10 == 0 else 'hook'}/{number}",
            "job_metadata": json.dumps({"drill": number}),
            "created_at": now,
            "updated_at": now,
            "planned_at": now,
            "next_run_at": now + _AHEAD,
            **POLICIES,
            **policies,
        }


def policies_of(router: Router) -> list[dict[str, Any]]:
    """What the active jobs of an installation say of their policies: all that is copied of them."""
    columns = [_jobs.c[name] for name in POLICIES]
    with router.session("flask") as session:
        found = session.execute(select(*columns).where(_jobs.c.is_active.is_(True)).order_by(_jobs.c.id))
        return [dict(each) for each in found.mappings()]


@contextmanager
def database(url: URL) -> Generator[URL]:
    """A new database beside the one at `url`, on the same PostgreSQL server; dropped at the end."""
    name = f"crossfade_drill_{uuid4().hex[:12]}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        yield url.set(database=name)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        engine.dispose()


def far(moment: datetime) -> datetime:
    """After this instant a job's next run is none that the conductor asked for."""
    return moment + timedelta(days=1)


def _never(moment: datetime) -> str:
    """An expression of which the next tick is months away: the conductor says when a job is due."""
    return f"0 0 1 {(moment.month + 5) % 12 + 1} *"


def _made_up(number: int) -> dict[str, Any]:
    """Policies in all their combinations."""
    return {
        "overlap_policy": (ALLOW, ALLOW, QUEUE, SKIP)[number % 4],
        "on_crash": (RETRY, FAIL)[number // 4 % 2],
        "max_retries": (0, 2)[number // 8 % 2],
        "retry_delay_seconds": 1,
    }
