"""Bulk upload on the two stacks: reports are equal but for ids and instants, and so is what they leave behind."""

from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.services.sheets import ALIASES
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.parity.normal import Normal
from cronjobs.testing.suite.bulk import HEADER, UNREADABLE, file, row
from cronjobs.testing.uploads import MULTIPART, form, send, upload
from cronjobs.testing.worlds import Person, World

CELLS = st.one_of(
    st.sampled_from(["", " ", "0 3 * * *", "2099-12-31", "platform", "https://example.com/a", "{}", '{"a": 1}', "no"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
HEADERS = st.sampled_from([header for headers in ALIASES.values() for header in headers] + ["", "Notes"])


def bodies(settings: Settings) -> list[tuple[bytes, str]]:
    good = ("file", "jobs.csv", file(settings, "one", "two", "one").encode())
    mixed = f"{HEADER},Status,Request Body\n{row(settings, 'é')},on,\n\n{row(settings, 'x')},?,[]\n,,,\nbad"
    return [
        (form(good, ("dry_run", None, b"1")), MULTIPART),
        (form(good), MULTIPART),
        (form(good), MULTIPART),
        (form(("file", "jobs.csv", mixed.encode()), ("default_github_owner", None, b"acme")), MULTIPART),
        (form(good, ("default_github_owner", None, b"../x")), MULTIPART),
        (form(good, ("dry_run", None, b"maybe")), MULTIPART),
        (form(good, good), MULTIPART),
        (form(good)[:-9], MULTIPART),
        (form(("file", None, b"name")), MULTIPART),
        (form(good), "multipart/form-data"),
        (form(good), "application/json"),
        (form(("file", "jobs.csv", b"x" * 2_000_000)), MULTIPART),
        *((form(("file", "jobs.csv", content)), MULTIPART) for content in UNREADABLE.values()),
    ]


def play(api: Api, world: World, settings: Settings) -> list[Any]:
    normal = Normal()
    answers = [
        (name, *normal.answer(send(api, person, *body)))
        for name, person in (world.people | {"nobody": None}).items()
        for body in bodies(settings)
    ]
    return [*answers, normal.answer(api.request("GET", "/jobs/bulk-upload", token=world.people["admin"].token))]


def test_uploads_are_answered_alike(api: Api, twin: Api, world: World, settings: Settings) -> None:
    flask = play(api, world, settings)
    world.restore()
    fastapi = play(twin, world, settings)

    assert flask == fastapi
    assert {200, 400, 401, 403, 413} == {answer[1] for answer in flask[:-1]}


def test_what_one_stack_creates_the_other_refuses_as_taken(
    api: Api, twin: Api, session: Session, settings: Settings, editor: Person
) -> None:
    content = file(settings, "one", "two")

    created = upload(api, editor, content).json
    refused = upload(twin, editor, content).json

    assert (created["created_count"], refused["created_count"]) == (2, 0)
    assert {each["error"] for each in refused["errors"]} == {"Duplicate name"}
    assert len(session.scalars(select(Job)).all()) == 2


@tuned(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(titles=st.lists(HEADERS, max_size=6), rows=st.lists(st.lists(CELLS, max_size=7), max_size=4))
def test_any_sheet_is_answered_alike(
    api: Api, twin: Api, editor: Person, titles: list[str], rows: list[list[str]]
) -> None:
    quoted = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells] for cells in [titles, *rows])
    content = "\n".join(",".join(cells) for cells in quoted).encode()

    flask, fastapi = (upload(stack, editor, content, dry_run="yes") for stack in (api, twin))

    assert Normal().answer(flask) == Normal().answer(fastapi)
    assert flask.status in {200, 400}
