"""Running a job by hand inside a lent session: the borrower neither commits nor closes it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import store
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person
from crossfade.router import Router


def test_a_run_in_a_lent_session_is_the_lenders_to_undo(
    api: Api, session: Session, settings: Settings, router: Router, admin: Person, target: Target
) -> None:
    job = store(session, settings, target_url=target.url)

    with router.lend(session):
        session.get_one(Job, job.id).name = "Renamed by the lender"
        session.flush()
        answer = api.post(f"/jobs/{job.id}/execute", token=admin.token)
        tried = api.post("/jobs/test-run", token=admin.token, json={"target_url": target.url})
        seen = session.scalars(select(JobExecution.status)).all()

    assert (answer.status, tried.status, seen) == (200, 200, ["success"])
    session.rollback()
    assert session.scalars(select(JobExecution)).all() == []
    assert session.scalars(select(Job.name)).one() == "Stored"
