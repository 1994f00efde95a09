"""Two stacks on two databases that are equal: what is asked of one is asked of the other, and leaves them equal.

The time stands still, so that instants are the same on both sides and are compared like everything else.
"""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from cronjobs.fastapi_app import create_app
from cronjobs.fastapi_app.factory import PREFIX
from cronjobs.models import metadata
from cronjobs.services.runs import moments
from cronjobs.testing import everything, hashing, targets, worlds
from cronjobs.testing.client import Answer
from cronjobs.testing.everything import Everything
from cronjobs.testing.parity import rows
from cronjobs.testing.parity.normal import Ids
from cronjobs.testing.parity.rows import Contents
from cronjobs.testing.parity.stacks import Asgi, Request, Stack
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import World
from crossfade import clock
from crossfade.router import Router
from crossfade.testing.restore import Snapshot, take

ORIGIN = "https://jobs.example.com"
"""Whose pages may call."""

_ROWS = "rows of"
_NOUNS = {"job": "job", "category": "category", "pic_team": "team", "user": "user"}
"""What paths call the things of an answer."""

LATEST = "latest-{}"
"""In a path, in the place of an id: of the thing of that kind that was made last, which differs between the sides."""


@dataclass
class Side:
    """A stack, and the database that it alone works on."""

    stack: Stack
    world: World
    snapshot: Snapshot
    written: Callable[[], Any]
    """Something else than before whenever somebody may have written."""
    last_written: Any = None
    rows: Contents | None = None
    """Those that are not as they were at the beginning; None if all are."""
    latest: dict[str, str] = field(default_factory=dict)
    """The ids of what was made last, by the names that paths have for them."""

    @property
    def engine(self) -> Engine:
        """Of the database."""
        return self.world.router.engine("flask")

    def may_have_changed(self) -> bool:
        """Whether somebody may have written since the last time that this was asked."""
        before, self.last_written = self.last_written, self.written()
        return bool(before != self.last_written)

    def send(self, request: Request) -> Answer:
        """What the stack answers to the request, about what was made last if that is what it is about."""
        path = request.path
        for name, id_ in self.latest.items():
            path = path.replace(LATEST.format(name), id_)
        answer = self.stack.send(replace(request, path=path))
        if answer.status < HTTPStatus.BAD_REQUEST and request.method == "POST":
            self.latest |= _made(answer)
        return answer


@dataclass(frozen=True)
class Asked:
    """What came of a request."""

    request: Request
    answer: Answer
    changed: bool
    """Whether the database is another one than at the beginning."""
    differences: tuple[str, ...]
    """What the two sides did differently."""


@dataclass
class Twins:
    """Both sides, and what is on them at the beginning."""

    flask: Side
    fastapi: Side
    known: Everything
    target: Target
    """Whom jobs call."""
    beginning: Contents
    ids: frozenset[str]
    """All that there are at the beginning."""
    at: datetime
    """When this is."""

    @contextmanager
    def standing_still(self) -> Generator[None]:
        """As long as the block lasts, it stays the moment that it was at the beginning. Needed to ask."""
        with _stopped_clock(self.at), hashing.cheap():
            yield

    @property
    def world(self) -> World:
        """Whose people and settings both sides have."""
        return self.flask.world

    def ask(self, request: Request) -> Asked:
        """Sends a request to both, compares all that came of it, and puts everything back as it was."""
        asked = self.go_on(request)
        self.restore()
        return asked

    def go_on(self, request: Request) -> Asked:
        """As `ask`, and leaves what came of it for the next request to find."""
        sides = (self.flask, self.fastapi)
        answers = [self._answer(side, request) for side in sides]
        # Both are looked at if one may have changed: ids are named anew each time.
        may_have_changed = [side.may_have_changed() for side in sides]
        if any(may_have_changed):
            for side, (_, ids, _) in zip(sides, answers, strict=True):
                side.rows = rows.contents(side.engine, ids)
        flask, fastapi = (
            found | self._left(side.rows or {}) for side, (_, _, found) in zip(sides, answers, strict=True)
        )
        differences = [
            f"{what}:\n  Flask   {flask.get(what)}\n  FastAPI {fastapi.get(what)}"
            for what in sorted(flask.keys() | fastapi.keys())
            if flask.get(what) != fastapi.get(what)
        ]
        changed = any(what.startswith(_ROWS) for what in flask.keys() | fastapi.keys())
        return Asked(request, answers[0][0], changed, tuple(differences))

    def restore(self) -> None:
        """Makes both sides as they were at the beginning."""
        sides = (self.flask, self.fastapi)
        for side in sides:
            if side.rows not in (None, self.beginning):
                side.snapshot.restore()
            side.rows = None
            side.latest.clear()
        for side in sides:  # afterwards, because two databases of one server count together
            side.last_written = side.written()

    def _answer(self, side: Side, request: Request) -> tuple[Answer, Ids, dict[str, str]]:
        """The answer, the names of its ids, and all of it that has to be the same on both sides, by what it is."""
        self.target.asked.clear()
        answer = side.send(request)
        ids = Ids(self.ids)
        found = _said(answer, request, ids)
        for number, call in enumerate(self.target.asked):
            found[f"call {number}"] = ids.named(repr((call.method, call.path, call.body)))
        return answer, ids, found

    def _left(self, left: Contents) -> dict[str, str]:
        """What is other than at the beginning, by where it is."""
        found = {}
        for table, lines in left.items():
            before = self.beginning[table]
            gone = [f"- {row}" for row in before if row not in lines]
            new = [f"+ {row}" for row in lines if row not in before]
            if gone or new:
                found[f"{_ROWS} {table}"] = "\n".join(gone + new)
        return found


@contextmanager
def twins(
    urls: tuple[URL | str, URL | str], root: Path, flask: Callable[[Router], AbstractContextManager[Stack]]
) -> Generator[Twins]:
    """Both stacks on two empty databases, with one of everything; `flask` makes the one that nothing here knows."""
    at = clock.now()
    with ExitStack() as stack:
        target = stack.enter_context(targets.serving())
        variables = {"GITHUB_API_URL": target.url, "CORS_ORIGINS": ORIGIN}
        with _stopped_clock(at), hashing.cheap():
            one, other = (stack.enter_context(worlds.world(url, root, variables)) for url in urls)
            with one.router.session_factory("flask")() as session:
                known = everything.arrange(session, one.settings, one.people, target.url)
        rows.copy(one.router.engine("flask"), other.router.engine("flask"))
        ids = rows.ids(one.router.engine("flask"))
        client = stack.enter_context(TestClient(create_app(router=other.router)))
        yield Twins(
            flask=_side(stack.enter_context(flask(one.router)), one, stack),
            fastapi=_side(Asgi(client, PREFIX), other, stack),
            known=known,
            target=target,
            beginning=rows.contents(one.router.engine("flask"), Ids(ids)),
            ids=ids,
            at=at,
        )


def _made(answer: Answer) -> dict[str, str]:
    """The ids of what an answer says was made."""
    said = answer.json
    made = {f"{noun}_id": said[key]["id"] for key, noun in _NOUNS.items() if isinstance(said.get(key), dict)}
    return made | ({"execution_id": said["execution_id"]} if "execution_id" in said else {})


def _said(answer: Answer, request: Request, ids: Ids) -> dict[str, str]:
    """All of an answer, with what must differ made alike."""
    headers = dict(answer.headers)
    if request.path.startswith("/health") and request.method == "HEAD":
        # It names the stack: one of the names is longer.
        headers.pop("content-length", None)
    elif headers.get("content-length") == str(len(answer.raw)):
        headers["content-length"] = "as it is"
    text = ids.named(answer.raw.decode(errors="backslashreplace"))
    text = text.replace('"stack":"fastapi","database"', '"stack":"flask","database"')
    return {"status": str(answer.status), "body": text} | {
        f"header {name}": ids.named(value) for name, value in headers.items()
    }


def _side(stack: Stack, world: World, opened: ExitStack) -> Side:
    engine = world.router.engine("flask")
    snapshot = opened.enter_context(closing(take(engine, metadata)))
    if engine.dialect.name == "sqlite":
        path = str(engine.url.database)
        watching = opened.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
        written = partial(_single, watching.execute, "PRAGMA data_version")
    else:
        connection = opened.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
        # The next transaction that writes gets this number.
        written = partial(_single, connection.exec_driver_sql, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    return Side(stack, world, snapshot, written, last_written=written())


def _single(execute: Callable[[str], Any], statement: str) -> Any:
    return execute(statement).fetchone()[0]


@contextmanager
def _stopped_clock(at: datetime) -> Generator[None]:
    """For PostgreSQL, too, by whose clock runs are dated, and which can't be stopped."""

    def same(_session: Session, now: datetime | None) -> datetime:
        return clock.naive_utc(now)

    with patch.object(clock, "now", return_value=at), patch.object(moments, "moment", same):
        yield
