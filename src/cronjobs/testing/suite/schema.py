"""The OpenAPI document is true of both stacks."""

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import JobCategory, Notification, PicTeam, User, metadata
from cronjobs.services import tokens
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import day, store, store_execution, wanted
from cronjobs.testing.schema import Known, faults, operations
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import PASSWORD, Person, World
from crossfade import clock
from crossfade.testing.restore import Snapshot, take

FILE = """\
name,cron_expression,end_date,pic_team,target_url
Imported,0 3 * * *,{day},platform,https://example.com/hook
"""


@pytest.fixture
def known(session: Session, settings: Settings, prefix: str, admin: Person, other: Person, target: Target) -> Known:
    """One of everything; the job calls `target`."""
    job = store(session, settings, target_url=target.url, created_by=admin.id)
    execution = store_execution(session, job)
    category = JobCategory(slug="reports", name="Reports")
    team = PicTeam(slug="data", name="Data")
    note = Notification(
        user_id=admin.id,
        title="Job failed",
        message="It answered 500.",
        type="error",
        related_job_id=job.id,
        related_execution_id=execution.id,
    )
    session.add_all([category, team, note])
    session.commit()
    user = session.get_one(User, admin.id)
    bodies = {
        "POST /auth/login": {"username": admin.username, "password": admin.password},
        "POST /auth/login/form": {"username": admin.username, "password": admin.password},
        "POST /auth/register": {"username": "newcomer", "email": "newcomer@cronjobs.test", "password": PASSWORD},
        "PUT /auth/users/{user_id}": {"role": "viewer"},
        "PUT /auth/users/{user_id}/preferences": {"daily_digest": True},
        "PUT /auth/users/{user_id}/ui-preferences": {"jobs_table_columns": {"category": False}},
        "POST /jobs": wanted(settings, name="Another"),
        "PUT /jobs/{job_id}": {"name": "Renamed"},
        "POST /jobs/{job_id}/execute": {},
        "POST /jobs/test-run": {"target_url": target.url},
        "POST /jobs/validate-cron": {"expression": "0 3 * * *"},
        "POST /jobs/cron-preview": {"cron_expression": "0 3 * * *"},
        "POST /jobs/bulk-upload": {"file": FILE.format(day=day(settings, 30))},
        "POST /job-categories": {"name": "Exports"},
        "PUT /job-categories/{category_id}": {"name": "Exports"},
        "POST /pic-teams": {"name": "Storage"},
        "PUT /pic-teams/{team_id}": {"name": "Storage"},
        "PUT /settings/slack": {"channel": "#jobs"},
    }
    return Known(
        ids={
            "job_id": job.id,
            "execution_id": execution.id,
            "category_id": category.id,
            "team_id": team.id,
            "notification_id": note.id,
            "user_id": other.id,
        },
        bodies={_below(prefix, operation): body for operation, body in bodies.items()},
        tokens={
            "": admin.token,
            _below(prefix, "POST /auth/refresh"): tokens.issue(user, settings, "refresh", at=clock.now()),
        },
        calling={_below(prefix, "POST /jobs/{job_id}/execute"), _below(prefix, "POST /jobs/test-run")},
    )


def _below(prefix: str, operation: str) -> str:
    return operation.replace("/", f"{prefix}/", 1)


@pytest.fixture
def before(known: Known, world: World) -> Snapshot:
    """The way back to one of everything."""
    return take(world.router.engine("flask"), metadata)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_every_answer_is_as_the_document_says(
    world: World, api: Api, prefix: str, known: Known, before: Snapshot, target: Target
) -> None:
    described = list(operations(world, prefix))

    wrong = [fault for operation in described for fault in faults(operation, known, api, before)]

    assert not wrong, "\n\n".join(wrong)
    assert {*known.bodies, *known.tokens, *known.calling} - {""} <= {operation.label for operation in described}
    assert target.asked
