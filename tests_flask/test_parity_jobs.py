"""Jobs and executions on the two stacks: each goes on with what the other has begun."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import create, wanted
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person


def test_what_one_stack_writes_the_other_reads(
    api: Api, twin: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    for here, there, name in ((api, twin, "from Flask"), (twin, api, "from FastAPI")):
        job = create(here, editor, wanted(settings, name=name, target_url=target.url))
        ran = there.post(f"/jobs/{job['id']}/execute", token=editor.token).json

        assert ran["status"] == "success"
        execution = here.get(f"/executions/{ran['execution_id']}", token=editor.token).json["execution"]
        assert execution["job_id"] == job["id"]
        changed = there.put(f"/jobs/{job['id']}", token=editor.token, json={"is_active": False}).json["job"]
        assert here.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["is_active"] is changed["is_active"]

    assert len(session.scalars(select(Job)).all()) == 2
    assert len(session.scalars(select(JobExecution)).all()) == 2
