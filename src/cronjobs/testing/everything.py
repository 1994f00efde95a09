"""One of everything that the contract knows, stored; and for each endpoint that takes a body, one that it accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cronjobs.models import (
    AuditEvent,
    JobCategory,
    Notification,
    PicTeam,
    RevokedToken,
    SchedulerControl,
    SchedulerNode,
    SlackSettings,
    UserNotificationPreferences,
    UserUiPreferences,
)
from cronjobs.settings import Settings
from cronjobs.testing.jobs import day, store, store_execution, wanted, workflow
from cronjobs.testing.people import add_user
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock

NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))
WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"
REVOKED = "the id of a token that was given back"
FILE = """\
name,cron_expression,end_date,pic_team,target_url
Imported,0 3 * * *,{day},platform,https://example.com/hook
"""
POLICIES: dict[str, Any] = {
    "timezone": "America/New_York",
    "start_date": "2027-01-01",
    "end_date": "2099-12-31",
    "misfire_policy": "run_all",
    "misfire_grace_seconds": 3600,
    "overlap_policy": "queue",
    "on_crash": "retry",
    "max_retries": 3,
    "retry_delay_seconds": 5,
    "timeout_seconds": 30,
}
"""What a job may say of when it runs and what becomes of runs, none of it as it is where nothing is said."""


@dataclass(frozen=True)
class Everything:
    """What there is, by the names that paths have for it, and by the names of what is special."""

    ids: Mapping[str, str]
    """For the parameters of paths: things of the editor's, and others that nobody minds losing."""
    special: Mapping[str, Mapping[str, str]]
    """The same for things with something odd about them, by what that is."""
    people: Mapping[str, Person]
    """Everybody who has a token."""


def bodies(settings: Settings, person: Person, target: str) -> dict[str, Any]:
    """For each operation with a body, one that is accepted; `person` signs in, `target` is called."""
    return {
        "POST /auth/login": {"username": person.username, "password": person.password},
        "POST /auth/login/form": {"username": person.username, "password": person.password},
        "POST /auth/register": {"username": "newcomer", "email": "newcomer@cronjobs.test", "password": PASSWORD},
        "PUT /auth/users/{user_id}": {"role": "viewer"},
        "PUT /auth/users/{user_id}/preferences": {"daily_digest": True},
        "PUT /auth/users/{user_id}/ui-preferences": {"jobs_table_columns": {"category": False}},
        "POST /jobs": wanted(settings, name="Another"),
        "PUT /jobs/{job_id}": {"name": "Renamed"},
        "POST /jobs/{job_id}/execute": {},
        "POST /jobs/test-run": {"target_url": target},
        "POST /jobs/validate-cron": {"expression": "0 3 * * *"},
        "POST /jobs/cron-preview": {"cron_expression": "0 3 * * *"},
        "POST /jobs/bulk-upload": {"file": FILE.format(day=day(settings, 30))},
        "POST /job-categories": {"name": "Exports"},
        "PUT /job-categories/{category_id}": {"name": "Exports"},
        "POST /pic-teams": {"name": "Storage"},
        "PUT /pic-teams/{team_id}": {"name": "Storage"},
        "PUT /settings/slack": {"channel": "#jobs"},
        "PUT /scheduler/owner": {"owner": "fastapi"},
    }


def more_bodies(settings: Settings, person: Person, target: str) -> dict[str, list[dict[str, Any]]]:
    """For some operations, further bodies that mean something as a whole: most are accepted, some are not."""
    job = wanted(settings, name="Another")
    return {
        "POST /auth/login": [
            {"email": person.email.upper(), "password": person.password},
            {"username": person.email, "password": person.password},
            {"username": "sleeper", "password": PASSWORD},
            {"username": "sleeper", "password": "wrong"},
            {"username": "nobody", "password": PASSWORD},
            {"username": person.username, "email": "nobody@cronjobs.test", "password": person.password},
        ],
        "POST /auth/register": [
            {"username": "Zweite-1", "email": "Zweite@CronJobs.test", "password": "a new secret", "role": "user"},
            {"username": "EDITOR", "email": "x@cronjobs.test", "password": "a new secret"},
            {"username": "a b", "email": "x", "password": "12345", "role": "x", "is_active": "yes"},
        ],
        "PUT /auth/users/{user_id}": [
            {"password": "another one"},
            {"email": "Else@CronJobs.test", "role": "user", "is_active": False},
            {"email": person.email},
            {"email": None, "password": 1, "role": "x", "is_active": 0},
        ],
        "POST /jobs": [
            workflow(settings, name="Another", metadata={"ref": "main", "inputs": {"a": 1}}),
            job | {"enable_email_notifications": True, "notification_emails": ["A@b.test", "a@B.test"]},
            job | {"github_repo": "tools", "github_workflow_name": "ci.yml"},
            job | {"is_active": False, "category": "General", "pic_team": None, "pic_team_slug": "data"},
            job | POLICIES,
            job | {"timezone": "Mars/Olympus", "start_date": "9999-12-31", "max_retries": 11},
            {"name": "Another", "target_url": " "},
        ],
        "PUT /jobs/{job_id}": [
            {"github_repo": "acme/tools", "github_workflow_name": "ci.yml"},
            {"target_url": "", "github_owner": "acme", "github_repo": "tools", "github_workflow_name": "ci.yaml"},
            {"cron_expression": "0 9 * * 0", "cron_dialect": "apscheduler"},
            {"is_active": False, "notification_emails": []},
            POLICIES,
            dict.fromkeys(POLICIES),
            {"start_date": day(settings, 1).isoformat(), "end_date": day(settings, 0).isoformat()},
            {"enable_email_notifications": True, "notification_emails": ["x@y.test"], "notify_on_success": True},
        ],
        "POST /jobs/{job_id}/execute": [
            {"metadata": {"once": True}, "target_url": f"{target}/once"},
            {"github_owner": "acme", "github_repo": "tools", "github_token": "a token", "dispatch_url": target},
        ],
        "POST /jobs/test-run": [
            {"target_url": target, "metadata": {"a": 1}, "timeout_seconds": 1},
            {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "ci"},
        ],
        "PUT /job-categories/{category_id}": [{"is_active": False}, {"name": "Reports!"}, {"slug": "x", "name": "y"}],
        "PUT /pic-teams/{team_id}": [{"slack_handle": " @y ", "is_active": False}, {"slug": "x"}],
        "PUT /settings/slack": [{"is_enabled": False, "webhook_url": None}, {"is_enabled": True, "webhook_url": ""}],
    }


CALLING = ("POST /jobs/{job_id}/execute", "POST /jobs/test-run")
"""The operations that call whom the body names."""


def arrange(session: Session, settings: Settings, people: Mapping[str, Person], target: str) -> Everything:
    """Stores it all; the jobs call `target`."""
    editor, other, admin = people["editor"], people["other"], people["admin"]
    owned = {"target_url": target, "created_by": editor.id}
    job = store(session, settings, name="Own", notification_emails="a@b.test,c@d.test", category="reports", **owned)
    github = {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "nightly.yml"}
    jobs = {
        "foreign": store(session, settings, name="Foreign 日本 100%", created_by=other.id, target_url=target),
        "ended": store(session, settings, name="Ended", end_date=day(settings, -1), **owned),
        "paused": store(session, settings, name="Paused", is_active=False, **owned),
        "workflow": store(session, settings, name="Workflow", **owned | github | {"target_url": None}),
        "legacy": store(
            session,
            settings,
            name="Legacy",
            cron_expression="junk",
            end_date=None,
            pic_team=None,
            job_metadata='[1, "é", 2.50]',
            cron_dialect="apscheduler",
            target_url=target,
        ),
    }
    for number, each in enumerate([job, *jobs.values()]):
        each.created_at = each.updated_at = NOON - timedelta(hours=number)
    execution = store_execution(session, job, started_at=NOON, duration_seconds=1 / 3)
    failed = {"status": "failed", "error_message": "It broke <b>", "output": None, "trigger_type": "manual"}
    executions = {
        "failed": store_execution(session, job, started_at=NOON + timedelta(microseconds=1), **failed),
        "running": store_execution(
            session,
            job,
            started_at=NOON - timedelta(days=1),
            status="running",
            completed_at=None,
            duration_seconds=None,
            response_status=None,
        ),
        "foreign": store_execution(session, jobs["foreign"], started_at=NOON - timedelta(days=2)),
    }
    category, team = JobCategory(slug="reports", name="Reports"), PicTeam(slug="data", name="Data")
    old, retired = (
        JobCategory(slug="old", name="Ålt", is_active=False),
        PicTeam(slug="retired", name="R", is_active=False),
    )
    notes = [
        Notification(user_id=owner.id, title=f"読 {number}", message="m\n\u2028<b>", type=kind, is_read=number % 2 == 1)
        for number, (owner, kind) in enumerate(
            [(editor, "error"), (editor, "success"), (editor, "odd"), (admin, "info"), (other, "warning")]
        )
    ]
    for number, note in enumerate(notes):
        note.created_at = NOON + timedelta(minutes=number, microseconds=999_999)
        note.related_job_id, note.related_execution_id = job.id, execution.id
    session.add_all([category, team, old, retired, *notes, *_single(people)])
    session.commit()
    general = session.query(JobCategory).filter_by(slug="general").one()
    sleeper = add_user(session, settings, "sleeper", role="admin", is_active=False)
    return Everything(
        people={**people, "sleeper": sleeper},
        ids={
            "job_id": job.id,
            "execution_id": execution.id,
            "category_id": category.id,
            "team_id": team.id,
            "notification_id": notes[0].id,
            "user_id": editor.id,
        },
        special={
            **{f"{name} job": {"job_id": each.id} for name, each in jobs.items()},
            **{f"{name} execution": {"execution_id": each.id} for name, each in executions.items()},
            "disabled category": {"category_id": old.id},
            "category General": {"category_id": general.id},
            "disabled team": {"team_id": retired.id},
            "read notification": {"notification_id": notes[1].id},
            "foreign notification": {"notification_id": notes[4].id},
            "notification of the admin": {"notification_id": notes[3].id},
            "another user": {"user_id": other.id},
            "the admin": {"user_id": admin.id},
            "somebody inactive": {"user_id": sleeper.id},
            "the viewer": {"user_id": people["viewer"].id},
        },
    )


def _single(people: Mapping[str, Person]) -> list[Any]:
    """Rows of tables of which no path names one."""
    viewer = people["viewer"]
    return [
        RevokedToken(id=REVOKED, expires_at=clock.naive_utc() + timedelta(days=1)),
        SlackSettings(is_enabled=False, webhook_url=WEBHOOK, channel="#ops"),
        SchedulerControl(id=1, owner="both", changed_by="Ops", changed_at=NOON),
        SchedulerNode(stack="flask", host="here", process=1, started_at=NOON, heartbeat_at=NOON, last_pass=None),
        UserNotificationPreferences(user_id=viewer.id, daily_digest=True),
        UserUiPreferences(user_id=viewer.id, jobs_table_columns='{"pic_team": false, "junk": 1, "end_date": "no"}'),
        AuditEvent(
            occurred_at=NOON,
            actor_id=viewer.id,
            actor_name="viewer",
            action="created",
            kind="job",
            subject_id="gone",
            subject_name="Gone",
            changes='{"name": {"before": null, "after": "Gone"}}',
        ),
    ]
