"""A small realistic database, made in bulk: an administrator, teams, 200 jobs, and 100 executions of each."""

import json
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from cronjobs.models import Job, JobExecution, PicTeam, User
from cronjobs.models.users import ADMIN
from cronjobs.services import tokens
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.router import Router

JOBS = 200
EXECUTIONS = 20_000
USERNAME, PASSWORD = "admin", "correct horse battery"
WEBHOOK_JOB = str(uuid.uuid4())
"""The id of a job that calls a web address."""
TEAMS = ("platform", "payments", "quality")

_EXPRESSIONS = ("*/5 * * * *", "0 3 * * *", "30 2 * * 1-5", "0 6 1 * *", "15 8-20 * * *")
_FAILED_EVERY = 17


def fill(router: Router, settings: Settings) -> str:
    """Fills an initialised, empty database, and returns the administrator's access token."""
    with router.session("flask") as session:
        admin = User(username=USERNAME, email="admin@example.com", role=ADMIN)
        admin.set_password(PASSWORD)
        session.add(admin)
        session.add_all(PicTeam(slug=team, name=team.title()) for team in TEAMS)
        session.flush()
        jobs = [_job(number, owner=admin.id) for number in range(JOBS)]
        session.execute(insert(Job), jobs)
        session.execute(insert(JobExecution), [_execution(number, jobs) for number in range(EXECUTIONS)])
        token = tokens.issue(admin, settings, "access", at=clock.now())
    with router.session("flask") as session:
        # What PostgreSQL would do by itself, a minute later and in the middle of a measurement.
        session.connection().exec_driver_sql("ANALYZE")
    return token


def _job(number: int, *, owner: str) -> dict[str, Any]:
    created_at = clock.naive_utc() - timedelta(days=300) + timedelta(hours=number)
    webhook = number % 2 == 0
    return {
        "id": WEBHOOK_JOB if number == 0 else str(uuid.uuid4()),
        "name": f"Job {number:03}",
        "cron_expression": _EXPRESSIONS[number % len(_EXPRESSIONS)],
        "target_url": f"https://hooks.example.com/{number}" if webhook else None,
        "github_owner": None if webhook else "example",
        "github_repo": None if webhook else f"repository-{number}",
        "github_workflow_name": None if webhook else "nightly.yml",
        "job_metadata": json.dumps({"branchDetails": "main", "suite": "full", "shard": number}),
        "pic_team": TEAMS[number % len(TEAMS)],
        "end_date": (clock.now() + timedelta(days=200)).date(),
        "notification_emails": "first@example.com,second@example.com",
        "created_by": owner,
        "created_at": created_at,
        "updated_at": created_at,
    }


def _execution(number: int, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    job = jobs[number % len(jobs)]
    started_at = clock.naive_utc() - timedelta(minutes=number + 1)
    failed = number % _FAILED_EVERY == 0
    webhook = job["target_url"] is not None
    return {
        "id": str(uuid.uuid4()),
        "job_id": job["id"],
        "status": "failed" if failed else "success",
        "state": "failed" if failed else "success",
        "trigger_type": "scheduled",
        "started_at": started_at,
        "attempt": 1,
        "completed_at": started_at + timedelta(seconds=2),
        "duration_seconds": 2.0,
        "execution_type": "webhook" if webhook else "github_actions",
        "target": job["target_url"] or f"example/{job['github_repo']}/nightly.yml",
        "response_status": 500 if failed else 200,
        "error_message": "The target answered 500" if failed else None,
        "output": f"line {number} of what the target said. " * 8,
        "scheduled_for": started_at,
    }
