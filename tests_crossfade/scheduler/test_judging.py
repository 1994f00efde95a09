"""The judge of a drill finds what it looks for: a drill that could not fail would prove nothing."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import StaticPool

from cronjobs.models import Job, JobExecution, metadata
from cronjobs.models.executions import STATUS_OF
from cronjobs.scheduler.drill.judge import judge
from cronjobs.scheduler.drill.target import Received

INSTANT = datetime(2026, 11, 28, 6)  # noqa: DTZ001 - as stored


@pytest.fixture
def engine():
    made = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def judged(engine):
    """The verdict on one job, due once, with such a row (None: no row) and calls of such attempts."""

    def look(state, calls, *, attempt=1, expected=True, instants=(INSTANT,), **policies):
        with engine.begin() as connection:
            values = {"id": "job", "name": "job", "cron_expression": "* * * * *", "target_url": "http://127.0.0.1/"}
            stamps = {"created_at": INSTANT, "updated_at": INSTANT}
            connection.execute(insert(Job).values(**values, **stamps, **policies))
            for number, instant in enumerate(instants if state else ()):
                row = {"id": f"run{number or ''}", "job_id": "job", "state": state, "status": STATUS_OF[state]}
                when = {"started_at": INSTANT, "scheduled_for": instant, "trigger_type": "scheduled"}
                connection.execute(insert(JobExecution).values(**row, **when, attempt=attempt))
        received = [Received("/hook", run, number, 0.0) for run, number in calls]
        return judge(engine, {("job", INSTANT)} if expected else set(), received)

    return look


def test_a_run_that_was_called_once_is_good(judged):
    verdict = judged("success", [("run", 1)])

    assert verdict.is_good
    assert (verdict.expected, verdict.calls, verdict.states, verdict.further) == (1, 1, {"success": 1}, 0)


@pytest.mark.parametrize(
    ("state", "calls", "fields"),
    [
        (None, [], {}),
        ("success", [], {}),
        ("success", [("run", 1)], {"attempt": 2, "on_crash": "retry"}),
        ("skipped", [], {"overlap_policy": "allow"}),
        ("missed", [], {"misfire_policy": "run_all"}),
        ("unknown", [("run", 1)], {"on_crash": "retry"}),
        ("failed", [("run", 1)], {"max_retries": 1}),
    ],
)
def test_what_did_not_happen_is_lost(judged, state, calls, fields):
    verdict = judged(state, calls, **fields)

    assert (len(verdict.lost), verdict.doubled, verdict.stuck) == (1, [], [])


@pytest.mark.parametrize(
    ("state", "calls", "fields"),
    [
        ("success", [("run", 1), ("run", 1)], {}),
        ("success", [("run", 1), ("another", 1)], {}),
        ("success", [("run", 1), ("run", 2)], {}),
        ("success", [("run", 1), ("run", 2)], {"attempt": 2}),
        ("skipped", [("run", 1)], {}),
        ("success", [("run", 1)], {"expected": False}),
        ("success", [("run", 1), ("run1", 1)], {"instants": (INSTANT, INSTANT + timedelta(hours=1))}),
    ],
)
def test_what_happened_too_often_is_doubled(judged, state, calls, fields):
    verdict = judged(state, calls, **fields)

    assert (verdict.lost, len(verdict.doubled), verdict.stuck) == ([], 1, [])


@pytest.mark.parametrize("state", ["running", "due"])
def test_what_is_not_over_is_stuck(judged, state):
    verdict = judged(state, [("run", 1)])

    assert (verdict.lost, verdict.doubled, len(verdict.stuck)) == ([], [], 1)


def test_a_repeat_that_a_policy_asks_for_is_no_fault(judged):
    verdict = judged("success", [("run", 1), ("run", 2)], attempt=2, on_crash="retry")

    assert verdict.is_good
    assert verdict.further == 1
