"""Job categories and PIC teams: who may, what a slug is, and that jobs follow a rename."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobCategory, PicTeam, User
from cronjobs.services import jobs, taxonomies
from cronjobs.services.errors import ConflictError, InvalidError
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, store, wanted
from cronjobs.testing.worlds import Person
from cronjobs.web.schemas.jobs import JobFields
from crossfade.database.sessions import begin_write
from crossfade.router import Router

CATEGORY_KEYS = {"id", "slug", "name", "is_active", "created_at", "updated_at"}


class Noun(NamedTuple):
    """One of the two taxonomies, as answers and jobs name it."""

    path: str
    list: str
    one: str
    spoken: str
    column: str
    keys: set[str]


CATEGORIES = Noun("/job-categories", "categories", "category", "Category", "category", CATEGORY_KEYS)
TEAMS = Noun("/pic-teams", "pic_teams", "pic_team", "PIC team", "pic_team", CATEGORY_KEYS | {"slack_handle"})


@pytest.fixture(params=[CATEGORIES, TEAMS], ids=["categories", "teams"])
def noun(request: pytest.FixtureRequest) -> Noun:
    chosen: Noun = request.param
    return chosen


def make(api: Api, noun: Noun, admin: Person, **fields: Any) -> Any:
    answer = api.post(noun.path, token=admin.token, json=fields)
    assert answer.status == 201, answer.text
    return answer.json[noun.one]


def names(api: Api, noun: Noun, person: Person, **query: Any) -> list[str]:
    return [each["name"] for each in api.get(noun.path, token=person.token, **query).json[noun.list]]


def stored(session: Session, job: Job) -> Job:
    session.rollback()
    return session.get_one(Job, job.id, populate_existing=True)


def test_a_new_database_has_the_categories_of_the_contract(api: Api, viewer: Person) -> None:
    answer = api.get("/job-categories", token=viewer.token)

    assert answer.status == 200
    assert answer.json.keys() == {"categories"}
    assert all(each.keys() == CATEGORY_KEYS and each["is_active"] for each in answer.json["categories"])
    assert [(each["slug"], each["name"]) for each in answer.json["categories"]] == [
        ("backward-compatibility", "Backward Compatibility"),
        ("dr-testing", "DR Testing"),
        ("feature-testing", "Feature Testing"),
        ("general", "General"),
        ("prod-canary", "Prod/Canary"),
        ("refund", "Refund"),
        ("regression", "Regression"),
    ]


def test_a_list_is_sorted_by_name_in_lower_case(api: Api, noun: Noun, admin: Person, viewer: Person) -> None:
    for name in ("zebra", "Äpfel", "apple", "Apple 2", "éclair"):
        make(api, noun, admin, name=name)

    found = names(api, noun, viewer)

    assert found == sorted(found, key=str.lower)
    assert found.index("apple") < found.index("Apple 2") < found.index("zebra") < found.index("Äpfel")


def test_a_slug_is_made_of_the_name(api: Api, noun: Noun, admin: Person) -> None:
    slugs = {
        "Load/Stress  Tests": "load-stress-tests",
        "  Crème Brûlée! ": "creme-brulee",
        "Straße & Søn": "strasse-son",
        "\uff26ull\u3000\uff37idth": "full-width",
        "Dev\u2013Ops\u2019 2": "dev-ops-2",
        "決済 Payments": "payments",
        "-- A_B --": "a-b",
        "x" * 255: "x" * 100,
        "y" * 99 + " z": "y" * 99,
    }
    for name, slug in slugs.items():
        made = make(api, noun, admin, name=name)
        assert (made["name"], made["slug"]) == (name.strip(), slug)
        assert made.keys() == noun.keys


def test_a_slug_that_is_given_is_put_into_its_form(api: Api, noun: Noun, admin: Person) -> None:
    assert make(api, noun, admin, name="決済", slug=" Payment Team ")["slug"] == "payment-team"
    assert make(api, noun, admin, name="Blank", slug=" ")["slug"] == "blank"
    assert make(api, noun, admin, name="Null", slug=None)["slug"] == "null"


def test_what_can_not_be_a_term_is_refused(api: Api, session: Session, noun: Noun, admin: Person) -> None:
    make(api, noun, admin, name="Taken One")
    before = contents(session)
    bodies: list[Any] = [
        {"name": " "},
        {"name": None},
        {"name": 1},
        {"name": "x" * 256},
        {"name": "日本"},
        {"name": "x", "slug": "日本"},
        {"name": "x", "slug": "x" * 101},
        {"name": "x", "slug": 1},
        {"name": "x\x00"},
        [],
    ]

    missing = api.post(noun.path, token=admin.token, json={"slug": "x"})
    answers = [api.post(noun.path, token=admin.token, json=body) for body in bodies]
    taken = [
        api.post(noun.path, token=admin.token, json=body)
        for body in ({"name": "taken/one"}, {"name": "Other", "slug": "taken-one"})
    ]

    assert (missing.status, missing.json["missing_fields"]) == (400, ["name"])
    assert [answer.status for answer in answers] == [400] * len(answers)
    assert [(answer.status, answer.json["error"]) for answer in taken] == [(409, "Duplicate slug")] * 2
    assert contents(session) == before


def test_only_admins_write_and_everybody_signed_in_reads(
    api: Api, session: Session, noun: Noun, admin: Person, editor: Person, viewer: Person
) -> None:
    term = make(api, noun, admin, name="Mine")
    before = contents(session)

    for person, status in ((None, 401), (viewer, 403), (editor, 403)):
        token = person.token if person else None
        # The bodies are malformed too: who may not is told so first.
        assert api.post(noun.path, token=token, json={}).status == status
        assert api.put(f"{noun.path}/{term['id']}", token=token, json={"slug": 1}).status == status
        assert api.delete(f"{noun.path}/{term['id']}", token=token).status == status
    assert api.get(noun.path).status == 401
    assert "Mine" in names(api, noun, viewer)
    assert contents(session) == before


def test_a_new_name_makes_a_new_slug_and_the_jobs_follow(
    api: Api, session: Session, settings: Settings, noun: Noun, admin: Person
) -> None:
    term = make(api, noun, admin, name="Old")
    mine = create(api, admin, wanted(settings, **{noun.column: "old"}))
    paused = store(session, settings, name="paused", is_active=False, **{noun.column: "old"})
    others = store(session, settings, name="other")
    planned = session.get_one(Job, mine["id"])
    due, changed_at = planned.next_run_at, planned.updated_at
    session.rollback()

    answer = api.put(f"{noun.path}/{term['id']}", token=admin.token, json={"name": " Brand/New "})

    assert answer.status == 200
    assert answer.json.keys() == {"message", noun.one, "jobs_updated"}
    assert (answer.json["message"], answer.json["jobs_updated"]) == (f"{noun.spoken} updated", 2)
    assert (answer.json[noun.one]["name"], answer.json[noun.one]["slug"]) == ("Brand/New", "brand-new")
    assert answer.json[noun.one]["id"] == term["id"]
    assert api.get(f"/jobs/{mine['id']}", token=admin.token).json["job"][noun.column] == "brand-new"
    assert getattr(stored(session, paused), noun.column) == "brand-new"
    assert getattr(stored(session, others), noun.column) != "brand-new"
    followed = stored(session, planned)
    assert followed.updated_at > changed_at
    assert (followed.next_run_at, followed.planned_at) == (due, followed.updated_at)
    assert api.post(noun.path, token=admin.token, json={"name": "Old"}).status == 201


def test_a_change_leaves_what_it_does_not_mention(api: Api, noun: Noun, admin: Person) -> None:
    term = make(api, noun, admin, name="Own Slug", slug="mine")
    path = f"{noun.path}/{term['id']}"

    nothing = api.put(path, token=admin.token, json={})
    same_name = api.put(path, token=admin.token, json={"name": "Own Slug", "unknown": 1})
    no_letters = api.put(path, token=admin.token, json={"name": "決済"})

    assert [answer.status for answer in (nothing, same_name, no_letters)] == [200] * 3
    assert nothing.json[noun.one] == same_name.json[noun.one] == term
    assert (no_letters.json[noun.one]["name"], no_letters.json[noun.one]["slug"]) == ("決済", "mine")
    assert no_letters.json["jobs_updated"] == 0


def test_a_change_that_can_not_be_is_refused(
    api: Api, session: Session, settings: Settings, noun: Noun, admin: Person
) -> None:
    term = make(api, noun, admin, name="Mine")
    make(api, noun, admin, name="Taken")
    store(session, settings, **{noun.column: "mine"})
    before = contents(session)
    path = f"{noun.path}/{term['id']}"

    refused = [
        api.put(path, token=admin.token, json=body)
        for body in (
            {"slug": "mine"},
            {"slug": None, "name": "Else"},
            {"name": None},
            {"name": "  "},
            {"name": "x" * 256},
            {"is_active": None},
            {"is_active": 1, "name": "Else"},
        )
    ]
    taken = api.put(path, token=admin.token, json={"name": "TAKEN", "is_active": False})
    unknown = [
        api.put(f"{noun.path}/nobody", token=admin.token, json={"name": "x"}),
        api.delete(f"{noun.path}/nobody", token=admin.token),
    ]

    assert [answer.status for answer in refused] == [400] * len(refused)
    assert "slug" in refused[0].json["message"]
    assert (taken.status, taken.json["error"]) == (409, "Duplicate slug")
    assert [answer.status for answer in unknown] == [404, 404]
    assert contents(session) == before


def test_general_can_not_be_renamed(api: Api, session: Session, admin: Person) -> None:
    categories = api.get("/job-categories", token=admin.token).json["categories"]
    path = next(f"/job-categories/{each['id']}" for each in categories if each["slug"] == "general")
    before = contents(session)

    answer = api.put(path, token=admin.token, json={"name": "Everything", "is_active": False})

    assert (answer.status, answer.json["error"]) == (400, "Cannot rename General")
    assert contents(session) == before
    assert api.put(path, token=admin.token, json={"name": "General"}).status == 200
    # A team may be called that, and anything else.
    team = make(api, TEAMS, admin, name="General")
    assert api.put(f"/pic-teams/{team['id']}", token=admin.token, json={"name": "Else"}).json["jobs_updated"] == 0


def test_what_is_disabled_stays_with_its_jobs_and_is_given_to_no_more(
    api: Api, session: Session, settings: Settings, noun: Noun, admin: Person, viewer: Person
) -> None:
    term = make(api, noun, admin, name="Former")
    job = store(session, settings, **{noun.column: "former"})

    answer = api.delete(f"{noun.path}/{term['id']}", token=admin.token)
    again = api.delete(f"{noun.path}/{term['id']}", token=admin.token)

    assert answer.json == {"message": f"{noun.spoken} disabled", noun.one: answer.json[noun.one]}
    assert (answer.status, again.status) == (200, 200)
    assert answer.json[noun.one]["is_active"] is False
    assert getattr(stored(session, job), noun.column) == "former"
    refused = api.post("/jobs", token=admin.token, json=wanted(settings, name="new", **{noun.column: "Former"}))
    assert refused.status == 400
    assert api.post(noun.path, token=admin.token, json={"name": "Former"}).status == 409
    assert "Former" not in names(api, noun, admin)
    assert "Former" not in names(api, noun, viewer, include_inactive="true")
    assert "Former" not in names(api, noun, admin, include_inactive="junk")
    assert "Former" in names(api, noun, admin, include_inactive="true")
    enabled = api.put(f"{noun.path}/{term['id']}", token=admin.token, json={"is_active": True})
    assert enabled.json[noun.one]["is_active"] is True
    assert "Former" in names(api, noun, viewer)


def test_a_team_has_a_slack_handle(api: Api, admin: Person) -> None:
    team = make(api, TEAMS, admin, name="On call", slack_handle=" @oncall ")
    path = f"/pic-teams/{team['id']}"

    assert team["slack_handle"] == "@oncall"
    assert api.put(path, token=admin.token, json={"name": "On Call"}).json["pic_team"]["slack_handle"] == "@oncall"
    assert api.put(path, token=admin.token, json={"slack_handle": "#ops"}).json["pic_team"]["slack_handle"] == "#ops"
    assert api.put(path, token=admin.token, json={"slack_handle": " "}).json["pic_team"]["slack_handle"] is None
    assert api.put(path, token=admin.token, json={"slack_handle": "x" * 256}).status == 400
    assert api.put(path, token=admin.token, json={"slack_handle": 1}).status == 400
    assert make(api, TEAMS, admin, name="Quiet", slack_handle=None)["slack_handle"] is None


def test_of_many_at_once_one_gets_a_slug(router: Router, session: Session, admin: Person) -> None:
    who = session.get_one(User, admin.id)
    session.rollback()
    together = Barrier(4)

    def attempt(number: int) -> bool:
        together.wait()
        try:
            with router.session("flask") as mine:
                taxonomies.create(begin_write(mine), who, PicTeam, {"name": "Same" if number % 2 else "same!"})
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(attempt, range(4)))

    assert made.count(True) == 1
    assert session.scalar(select(func.count()).where(PicTeam.slug == "same")) == 1


def test_a_job_and_a_rename_at_once_wait_for_each_other(
    router: Router, session: Session, settings: Settings, admin: Person
) -> None:
    """Whichever comes first, no job is left with a slug that is dead."""
    category = JobCategory(slug="early", name="Early")
    session.add(category)
    session.commit()
    who = session.get_one(User, admin.id)
    draft = JobFields.model_validate_json(json.dumps(wanted(settings, name="Made", category="early"))).draft()

    def make() -> str:
        with router.session("flask") as mine:
            return jobs.create(begin_write(mine), who, draft, settings).category

    def rename(name: str) -> int:
        with router.session("flask") as mine:
            return taxonomies.change(begin_write(mine), who, JobCategory, category.id, {"name": name}).jobs_updated

    session.rollback()
    with ThreadPoolExecutor(1) as pool:
        with router.session("flask") as making:
            jobs.create(begin_write(making), who, draft, settings)
            renaming = pool.submit(rename, "Late")
            with pytest.raises(TimeoutError):
                renaming.result(timeout=0.2)
        assert renaming.result() == 1
        draft["name"], draft["category"] = "Another", "late"
        with router.session("flask") as changing:
            taxonomies.change(begin_write(changing), who, JobCategory, category.id, {"name": "Later"})
            making_late = pool.submit(make)
            with pytest.raises(TimeoutError):
                making_late.result(timeout=0.2)
        with pytest.raises(InvalidError, match="category"):
            making_late.result()

    assert session.scalars(select(Job.category)).all() == ["later"]
