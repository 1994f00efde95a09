"""What a database is filled with: the categories that every installation needs, and something to look at.

Both look first, so that they can be repeated: what somebody renamed, disabled or deleted is not brought back. When they
run is left to `crossfade init` and `crossfade up`; both write in the caller's transaction.
"""

import json
import secrets
from datetime import timedelta

from sqlalchemy import func, select

from cronjobs.models import Job, JobCategory, PicTeam, User
from cronjobs.models.jobs import STANDARD
from cronjobs.models.users import ADMIN
from crossfade import clock
from crossfade.database.sessions import WriteSession

CATEGORIES = {
    "general": "General",
    "regression": "Regression",
    "dr-testing": "DR Testing",
    "feature-testing": "Feature Testing",
    "prod-canary": "Prod/Canary",
    "refund": "Refund",
    "backward-compatibility": "Backward Compatibility",
}
"""Names by slug."""

DEMO_LOGIN = "admin"

_DEMO_TEAMS = (
    {"slug": "platform", "name": "Platform", "slack_handle": "@platform"},
    {"slug": "payments", "name": "Payments", "slack_handle": "@payments-oncall"},
    {"slug": "quality", "name": "Quality", "slack_handle": None},
)

# All are paused: a demo calls nobody. Hosts are of the domains that are reserved for examples.
_DEMO_JOBS = (
    {
        "name": "Nightly regression",
        "cron_expression": "30 2 * * 1-5",
        "github_owner": "example",
        "github_repo": "webshop",
        "github_workflow_name": "regression.yml",
        "job_metadata": json.dumps({"branchDetails": "main", "suite": "full"}),
        "category": "regression",
        "pic_team": "quality",
    },
    {
        "name": "Refund reconciliation",
        "cron_expression": "0 6 1 * *",
        "target_url": "https://payments.example.com/hooks/reconcile",
        "job_metadata": json.dumps({"dryRun": True}),
        "category": "refund",
        "pic_team": "payments",
    },
    {
        "name": "Canary health",
        "cron_expression": "*/15 8-20 * * *",
        "target_url": "https://canary.example.com/health",
        "category": "prod-canary",
        "pic_team": "platform",
    },
    {
        "name": "Failover drill",
        "cron_expression": "0 10 * * SAT",
        "github_owner": "example",
        "github_repo": "infrastructure",
        "github_workflow_name": "failover.yaml",
        "category": "dr-testing",
        "pic_team": "platform",
    },
)

_DEMO_DAYS = 365
_PASSWORD_BYTES = 18


def seed(session: WriteSession) -> None:
    """The categories of the contract, into a database that has none at all."""
    if session.scalar(select(func.count()).select_from(JobCategory)):
        return
    session.add_all(JobCategory(slug=slug, name=name) for slug, name in CATEGORIES.items())
    session.flush()


def demo(session: WriteSession, *, base_url: str) -> str | None:
    """An administrator, teams and jobs, into a database without users and jobs; None, and nothing is done, otherwise.

    Returns the generated password of the user `admin`, which is stored nowhere else. One job is active: every minute
    it calls the application's own echo endpoint under `base_url`.
    """
    if any(session.scalar(select(func.count()).select_from(kind)) for kind in (User, Job)):
        return None
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    admin = User(username=DEMO_LOGIN, email="admin@example.com", role=ADMIN)
    admin.set_password(password)
    session.add(admin)
    session.flush()
    _add_teams(session)
    _add_jobs(session, owner=admin.id, base_url=base_url)
    session.flush()
    return password


def _add_teams(session: WriteSession) -> None:
    known = set(session.scalars(select(PicTeam.slug)))
    session.add_all(PicTeam(**team) for team in _DEMO_TEAMS if team["slug"] not in known)


def _add_jobs(session: WriteSession, *, owner: str, base_url: str) -> None:
    echo = {
        "name": "Echo every minute",
        "cron_expression": "* * * * *",
        "target_url": f"{base_url.rstrip('/')}/api/v2/echo",
        "job_metadata": json.dumps({"message": "Hello from the demo job"}),
        "pic_team": "platform",
        "is_active": True,
    }
    known = set(session.scalars(select(Job.name)))
    for job in (echo, *_DEMO_JOBS):
        if job["name"] not in known:
            values = {"is_active": False, "category": "general", "cron_dialect": STANDARD} | job
            # A little apart, so that a list by end date has an order.
            end_date = clock.now().date() + timedelta(days=_DEMO_DAYS + len(str(job["name"])))
            session.add(Job(**values, created_by=owner, end_date=end_date))
