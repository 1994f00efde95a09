"""Jobs whose policies nobody can read are paused, and stop no other."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cronjobs.models import Job, JobExecution, Notification
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from crossfade import clock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BAD = Outcome(ok=False, status=500, error="The target answered 500.")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"timezone": "Mars/Olympus"}, "no IANA time zone"),
        ({"misfire_policy": "maybe"}, "misfire_policy is 'maybe'"),
        ({"overlap_policy": "perhaps"}, "overlap_policy is 'perhaps'"),
        ({"on_crash": "cry"}, "on_crash is 'cry'"),
        ({"max_retries": -1}, "max_retries is -1"),
        ({"misfire_grace_seconds": -5}, "misfire_grace_seconds is -5"),
        ({"cron_expression": "soon"}, "cron expression"),
    ],
)
def test_a_job_that_became_invalid_is_paused_with_a_note_and_stops_no_other(broken, why, claim, down, session, told):
    job_id = down("broken", **broken)
    down("sound")

    assert [each.job_name for each in claim()] == ["sound"]

    session.rollback()
    assert not session.get(Job, job_id, populate_existing=True).is_active
    # What it owed has left a trace, and is not told besides.
    (left,) = session.scalars(select(JobExecution).where(JobExecution.job_id == job_id))
    assert (left.state, left.missed_count >= 1) == ("missed", True)
    assert "when the job was paused" in left.error_message
    assert [title for title, _ in told() if "broken" in title] == ["Job paused: broken"]
    assert why in session.scalar(select(Notification.message).where(Notification.title == "Job paused: broken"))


def test_a_waiting_run_of_a_job_that_became_invalid_ends(claim, write, down, states, session):
    down(next_run_at=clock.naive_utc(NOON), max_retries=1, retry_delay_seconds=0)
    (claimed,) = claim()
    write(runs.finish, claimed, BAD, now=NOON)
    session.execute(update(Job).values(on_crash="cry", planned_at=Job.updated_at, updated_at=Job.updated_at))
    session.commit()

    assert claim(now=NOON + MINUTE) == []

    assert states() == {"12:00": "failed"}
