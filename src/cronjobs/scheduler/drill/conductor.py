"""Says which jobs are due when, and keeps the list of what must have happened: one run of each job at each instant.

A job is made due as the passing of time would have it: its `next_run_at` is an instant that comes. From there on all
is the code that runs in production. Whether an update that broke off was committed is asked before it is counted.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Select, Table, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.scheduler.drill.stage import Stage, far
from crossfade import clock
from crossfade.errors import CrossfadeError

FAILURES = (SQLAlchemyError, CrossfadeError, OSError)
"""What the database does while it is killed or has no room."""
_PATIENCE = 120.0
_PAUSE = 0.25

_jobs = cast("Table", Job.__table__)
_executions = cast("Table", JobExecution.__table__)
_control = cast("Table", SchedulerControl.__table__)

Expected = tuple[str, datetime]


@dataclass
class Conductor:
    """The one who knows what must have happened."""

    stage: Stage
    expected: set[Expected] = field(default_factory=set)
    """Job and instant, naive UTC."""
    _ring: deque[str] = field(default_factory=deque)

    def make_due(self, count: int) -> int:
        """Of the next `count` jobs those that are not due yet are at the next whole second; how many these are."""
        now = clock.naive_utc()
        instant = now.replace(microsecond=0) + timedelta(seconds=1)
        asked = self._next(count)
        jobs: list[str] = []
        try:
            with self.stage.engine.begin() as connection:
                statement = (
                    update(_jobs)
                    .where(_jobs.c.id.in_(asked), _jobs.c.is_active.is_(True), _jobs.c.next_run_at > far(now))
                    .values(next_run_at=instant, updated_at=_jobs.c.updated_at, planned_at=_jobs.c.updated_at)
                    .returning(_jobs.c.id)
                )
                jobs = list(connection.scalars(statement))
        except FAILURES:
            if not (jobs and self._was_committed(jobs, instant)):
                return 0
        self.expected |= {(job, instant) for job in jobs}
        return len(jobs)

    def _next(self, count: int) -> list[str]:
        """All have their turns, whoever was due last."""
        if not self._ring:
            with self.stage.engine.connect() as connection:
                self._ring.extend(connection.scalars(select(_jobs.c.id).order_by(_jobs.c.id)))
        asked = list(self._ring)[:count]
        self._ring.rotate(-count)
        return asked

    def _was_committed(self, jobs: list[str], instant: datetime) -> bool:
        """All of them or none: they were one transaction."""
        due = select(func.count()).where(_jobs.c.id.in_(jobs), _jobs.c.next_run_at == instant)
        run = select(func.count()).where(_executions.c.job_id.in_(jobs), _executions.c.scheduled_for == instant)
        return self.ask(due) + self.ask(run) > 0

    def give_to(self, owner: str) -> bool:
        """Turns the switch; whether it could be turned."""
        try:
            with self.stage.engine.begin() as connection:
                connection.execute(
                    update(_control).values(owner=owner, changed_by="drill", changed_at=clock.naive_utc())
                )
        except FAILURES:
            return False
        return True

    def overdue(self) -> int:
        """Jobs that nobody has claimed yet."""
        return self.ask(select(func.count()).where(_jobs.c.next_run_at <= clock.naive_utc()))

    def ask(self, statement: Select[int]) -> int:
        """A number, asked until the database answers. Raises TimeoutError."""
        latest = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.stage.engine.connect() as connection:
                    return connection.scalar(statement) or 0
            except FAILURES as error:
                if time.monotonic() > latest:
                    raise TimeoutError("the drill's database does not answer any more") from error
                time.sleep(_PAUSE)
