"""Categories, teams, Slack settings and the audit log on the two stacks: the same requests get the same answers."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import UNSENT, Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, wanted
from cronjobs.testing.parity.normal import Normal
from cronjobs.testing.worlds import Person, World

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"

# Method, path, who asks, body. {term} in a path is the id of what was made last.
Step = tuple[str, str, str | None, Any]


def taxonomy(path: str, job: dict[str, Any], column: str) -> list[Step]:
    """All that can be asked of categories or teams."""
    one = f"{path}/{{term}}"
    return [
        ("GET", path, None, UNSENT),
        ("GET", path, "viewer", UNSENT),
        ("GET", f"{path}/", "viewer", UNSENT),
        ("POST", path, None, {}),
        ("POST", path, "editor", {}),
        ("POST", path, "admin", {}),
        ("POST", path, "admin", UNSENT),
        ("POST", path, "admin", []),
        ("POST", path, "admin", b"{"),
        ("POST", path, "admin", {"name": 1, "slug": [], "slack_handle": {}}),
        ("POST", path, "admin", {"name": " ", "slug": "日本"}),
        ("POST", path, "admin", {"name": "x\x00"}),
        ("POST", path, "admin", {"name": "日本"}),
        ("POST", path, "admin", {"name": "x" * 256, "slug": "x" * 101, "slack_handle": "x" * 256}),
        ("POST", path, "admin", {"name": " Prod/Übung ", "slack_handle": " @x "}),
        ("POST", path, "admin", {"name": "prod übung"}),
        ("POST", f"{path}/", "admin", {"name": "Zweite", "slug": "Own Slug"}),
        ("POST", "/jobs", "editor", job | {column: "own-slug"}),
        ("PUT", one, "admin", {"name": "Prod Ubung"}),
        ("PUT", one, "admin", {"slug": "x"}),
        ("PUT", one, "admin", {"name": None, "is_active": "yes", "slack_handle": 1}),
        ("PUT", one, "admin", {}),
        ("PUT", one, "admin", UNSENT),
        ("PUT", one, "viewer", {"slug": "x"}),
        ("PUT", one, "admin", {"name": "Dritte", "slack_handle": " ", "is_active": False}),
        ("GET", "/jobs", "viewer", UNSENT),
        ("GET", path, "viewer", UNSENT),
        ("GET", f"{path}?include_inactive=true", "viewer", UNSENT),
        ("GET", f"{path}?include_inactive=ON", "admin", UNSENT),
        ("GET", f"{path}?include_inactive=junk", "admin", UNSENT),
        ("PUT", one, "admin", {"is_active": True}),
        ("DELETE", one, "editor", UNSENT),
        ("DELETE", one, "admin", UNSENT),
        ("DELETE", one, "admin", UNSENT),
        ("POST", "/jobs", "editor", job | {"name": "another", column: "dritte"}),
        ("PUT", f"{path}/nobody", "admin", {"name": "x"}),
        ("DELETE", f"{path}/nobody", "admin", UNSENT),
        ("DELETE", f"{path}/%00", "admin", UNSENT),
        ("PUT", f"{path}/a%2Fb", "admin", {}),
        ("GET", one, "admin", UNSENT),
        ("PATCH", one, "admin", {}),
        ("DELETE", path, "admin", UNSENT),
    ]


SLACK: list[Step] = [
    ("GET", "/settings/slack", None, UNSENT),
    ("GET", "/settings/slack", "editor", UNSENT),
    ("GET", "/settings/slack", "admin", UNSENT),
    ("PUT", "/settings/slack", "viewer", {}),
    ("PUT", "/settings/slack", "admin", UNSENT),
    ("PUT", "/settings/slack", "admin", {"is_enabled": True}),
    ("PUT", "/settings/slack", "admin", {"is_enabled": 1, "webhook_url": [], "channel": {}}),
    ("PUT", "/settings/slack", "admin", {"webhook_url": WEBHOOK.replace("https", "http")}),
    ("PUT", "/settings/slack", "admin", {"webhook_url": "https://a:b@hooks.slack.com/x"}),
    ("PUT", "/settings/slack", "admin", {"webhook_url": "https://hooks.slack.com/***"}),
    ("PUT", "/settings/slack", "admin", {"is_enabled": True, "webhook_url": WEBHOOK, "channel": " #ops "}),
    ("PUT", "/settings/slack/", "admin", {"webhook_url": "https://hooks.slack.com/***"}),
    ("PUT", "/settings/slack", "admin", {"webhook_url": ""}),
    ("GET", "/settings/slack", "admin", UNSENT),
    ("POST", "/settings/slack", "admin", {}),
    ("DELETE", "/settings/slack", "admin", UNSENT),
    ("GET", "/settings", "admin", UNSENT),
    ("GET", "/settings/else", "admin", UNSENT),
]

AUDIT: list[Step] = [
    ("GET", path, who, UNSENT)
    for path in (
        "/audit",
        "/audit/",
        "/audit?page=2&per_page=3",
        "/audit?page=-1&per_page=1000",
        "/audit?page=junk&per_page=",
        "/audit?actor=admin&kind=pic_team,job&action=created",
        "/audit?actor=nobody",
        "/audit?actor=%00",
        "/audit?kind=%00",
        "/audit?to=0001-01-02",
        "/audit?from=2026-11-22&to=2026-11-21",
        "/audit?from=junk",
    )
    for who in ("admin", "editor", None)
] + [("POST", "/audit", "admin", {}), ("GET", "/audit/x", "admin", UNSENT)]


def play(api: Api, world: World, steps: list[Step]) -> list[Any]:
    """The answers to the steps, one after another, without what must differ."""
    normal, term, answers = Normal(), "", []
    for method, path, who, body in steps:
        token = world.people[who].token if who else None
        sent = {"raw": body} if isinstance(body, bytes) else {"json_body": body}
        answer = api.request(method, path.format(term=term), token=token, **sent)
        if answer.status == 201 and not path.startswith("/jobs"):
            term = next(made["id"] for made in answer.json.values() if isinstance(made, dict))
        answers.append((method, path, who, *normal.answer(answer)))
    return answers


@pytest.mark.parametrize("noun", ["categories", "teams", "settings"])
def test_the_same_requests_get_the_same_answers(
    api: Api, twin: Api, world: World, settings: Settings, noun: str
) -> None:
    job = wanted(settings)
    steps = {
        "categories": taxonomy("/job-categories", job, "category"),
        "teams": taxonomy("/pic-teams", job, "pic_team"),
        "settings": SLACK,
    }[noun] + AUDIT

    flask = play(api, world, steps)
    world.restore()
    fastapi = play(twin, world, steps)

    assert flask == fastapi
    assert {200, 400, 401, 403, 404, 405} <= {answer[3] for answer in flask}


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
