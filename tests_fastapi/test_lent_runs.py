"""Running a job by hand inside a lent session: the borrower neither commits nor closes it."""

import httpx2
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.fastapi_app import create_app
from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.jobs import store
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person
from crossfade.router import Router


async def test_a_run_in_a_lent_session_is_the_lenders_to_undo(
    session: Session, settings: Settings, router: Router, admin: Person, target: Target
) -> None:
    job = store(session, settings, target_url=target.url)
    transport = httpx2.ASGITransport(app=create_app(router=router))
    headers = {"Authorization": f"Bearer {admin.token}"}

    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://test/api/v2", headers=headers) as client,
        router.async_session_factory("fastapi")() as lent,
    ):
        async with router.lend(lent):
            (await lent.get_one(Job, job.id)).name = "Renamed by the lender"
            await lent.flush()
            answer = await client.post(f"/jobs/{job.id}/execute")
            tried = await client.post("/jobs/test-run", json={"target_url": target.url})
            seen = (await lent.scalars(select(JobExecution.status))).all()
        await lent.rollback()
    await router.adispose()

    assert (answer.status_code, tried.status_code, seen) == (200, 200, ["success"])
    session.rollback()
    assert session.scalars(select(JobExecution)).all() == []
    assert session.scalars(select(Job.name)).one() == "Stored"
