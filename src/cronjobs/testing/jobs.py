"""Jobs for tests: as clients write them, and as rows."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cronjobs.models import Job, JobCategory, JobExecution, PicTeam
from cronjobs.services import drafts
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.worlds import Person
from crossfade import clock

WRITTEN_KEYS = {
    "id",
    "name",
    "cron_expression",
    "cron_dialect",
    "target_url",
    "github_owner",
    "github_repo",
    "github_workflow_name",
    "metadata",
    "category",
    "timezone",
    "start_date",
    "end_date",
    "misfire_policy",
    "misfire_grace_seconds",
    "overlap_policy",
    "on_crash",
    "max_retries",
    "retry_delay_seconds",
    "timeout_seconds",
    "pic_team",
    "enable_email_notifications",
    "notification_emails",
    "notify_on_success",
    "created_by",
    "is_active",
    "created_at",
    "updated_at",
}
"""Of the object of a job that was made or changed."""
READ_KEYS = WRITTEN_KEYS | {"last_execution_at", "next_execution_at"}
"""Of the object of a job that is looked at."""


def day(settings: Settings, ahead: int) -> date:
    """The day so many days ahead of today in the scheduler's zone."""
    return drafts.today(settings) + timedelta(days=ahead)


def wanted(settings: Settings, **changes: Any) -> dict[str, Any]:
    """A webhook job as a client writes it; a change to `...` leaves the field out."""
    job = {
        "name": "Nightly report",
        "cron_expression": "0 3 * * *",
        "end_date": day(settings, 30).isoformat(),
        "pic_team": "platform",
        "target_url": "https://example.com/hook",
    }
    return {field: value for field, value in (job | changes).items() if value is not ...}


def workflow(settings: Settings, **changes: Any) -> dict[str, Any]:
    """A GitHub job as a client writes it."""
    parts = {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "nightly.yml"}
    return wanted(settings, **({"target_url": ...} | parts | changes))


def create(api: Api, person: Person, job: dict[str, Any]) -> dict[str, Any]:
    """The object of a job that `person` creates."""
    answer = api.post("/jobs", token=person.token, json=job)
    assert answer.status == 201, answer.text
    created: dict[str, Any] = answer.json["job"]
    return created


def store(session: Session, settings: Settings, **columns: Any) -> Job:
    """A row, stored as it is, whatever today's rules say."""
    job = Job(
        **(
            {
                "name": "Stored",
                "cron_expression": "0 3 * * *",
                "cron_dialect": "standard",
                "target_url": "https://example.com/hook",
                "pic_team": "platform",
                "end_date": day(settings, 30),
            }
            | columns
        )
    )
    session.add(job)
    session.commit()
    return job


def stored(session: Session, job_id: str) -> Job:
    """The row of a job as it is now."""
    session.rollback()
    return session.get_one(Job, job_id, populate_existing=True)


def add_category(session: Session, slug: str, name: str, *, is_active: bool = True) -> None:
    """Stores a category, in the place of one that the test has stored."""
    session.merge(JobCategory(id=f"test-{slug}", slug=slug, name=name, is_active=is_active))
    session.commit()


def add_team(session: Session, slug: str, name: str, *, is_active: bool = True) -> None:
    """Stores a team."""
    session.add(PicTeam(slug=slug, name=name, is_active=is_active))
    session.commit()


def store_execution(session: Session, job: Job, **columns: Any) -> JobExecution:
    """An execution of a job, a success of two seconds unless `columns` say otherwise."""
    started_at = columns.pop("started_at", clock.naive_utc())
    execution = JobExecution(
        **(
            {
                "job_id": job.id,
                "status": "success",
                "trigger_type": "scheduled",
                "started_at": started_at,
                "completed_at": started_at + timedelta(seconds=2),
                "duration_seconds": 2.0,
                "execution_type": "webhook",
                "target": job.target_url,
                "response_status": 200,
                "output": "done",
            }
            | columns
        )
    )
    session.add(execution)
    session.commit()
    return execution
