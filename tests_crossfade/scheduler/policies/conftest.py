"""A job that was due while nobody ticked, and what became of its runs.

The outage of most tests lasts two hours, from ten to noon: a job of every half hour was due at 10:00, 10:30, 11:00,
11:30 and 12:00, and at noon somebody ticks again.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import JobExecution, Notification
from cronjobs.models.executions import STATUS_OF
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from crossfade import clock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEN = NOON - timedelta(hours=2)
HALF_HOURS = "*/30 * * * *"
GOOD = Outcome(ok=True, status=200)


@pytest.fixture
def down(add_job):
    """Adds a job that was due at ten, and every half hour since."""

    def add(name="nightly", **fields):
        return add_job(name, **{"cron_expression": HALF_HOURS, "next_run_at": clock.naive_utc(TEN), **fields})

    return add


@pytest.fixture
def told(session):
    """The titles in the admin's inbox."""

    def titles():
        session.rollback()
        return sorted({(row.title, row.related_execution_id) for row in session.scalars(select(Notification))})

    return titles


@pytest.fixture
def states(session):
    """The runs of a job, by their ticks: time → state, and how many ticks a missed one stands for."""

    def look(job_id=None):
        session.rollback()
        found = session.scalars(select(JobExecution).order_by(JobExecution.scheduled_for)).all()
        assert all(run.status == STATUS_OF[run.state] for run in found)
        assert all((run.completed_at is None) == (run.status == "running") for run in found)
        assert all((run.due_at is None) == (run.state != "due") for run in found)
        return {
            f"{run.scheduled_for:%H:%M}": run.state + (f" {run.missed_count}" if run.missed_count else "")
            for run in found
            if job_id in {None, run.job_id}
        }

    return look


@pytest.fixture
def run_out(claim, write):
    """Runs what is due and becomes due by it, one after the other; the ticks in their order."""

    def run(*, now=NOON):
        ran = []
        while claims := claim(now=now):
            for each in claims:
                ran.append(f"{each.scheduled_for:%H:%M}")
                assert write(runs.finish, each, GOOD, now=now)
        return ran

    return run
