"""Categories, teams, Slack settings and the audit log: what one stack writes, the other reads."""

from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, wanted
from cronjobs.testing.worlds import Person

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"


def test_what_one_stack_writes_the_other_reads_to_the_letter(
    api: Api, twin: Api, session: Session, settings: Settings, admin: Person, editor: Person
) -> None:
    for here, there, name in ((api, twin, "From Flask"), (twin, api, "From FastAPI")):
        team = here.post("/pic-teams", token=admin.token, json={"name": name}).json["pic_team"]
        job = create(there, editor, wanted(settings, name=name, pic_team=name))
        moved = here.put(f"/pic-teams/{team['id']}", token=admin.token, json={"name": f"{name}!?"})
        there.put("/settings/slack", token=admin.token, json={"webhook_url": WEBHOOK, "channel": name})

        assert moved.json["jobs_updated"] == 0
        renamed = there.put(f"/pic-teams/{team['id']}", token=admin.token, json={"name": f"Late {name}"})
        assert renamed.json["jobs_updated"] == 1
        assert here.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["pic_team"].startswith("late-from-")
    before = contents(session)

    for path in ("/job-categories", "/pic-teams?include_inactive=1", "/settings/slack", "/audit", "/audit?kind=job"):
        flask, fastapi = (stack.request("GET", path, token=admin.token) for stack in (api, twin))
        assert (flask.status, flask.raw) == (fastapi.status, fastapi.raw)
        assert flask.status == 200
    assert contents(session) == before
