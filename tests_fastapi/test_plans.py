"""Requests over very many rows send as many statements as over forty, and none reads all executions or notifications.

What counts as reading all of a table: to take more rows out of it than a page shows. An index may be walked, to its
end if need be: the contract promises totals, which nothing less can count, and pages as far down as anybody likes. The
rows themselves are taken by their ids. What changes or deletes rows takes those, and may not go through all for them.

The unpaged list of jobs shows all jobs, but reads no run of theirs. That Flask sends the same statements is tested
where Flask is.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from cronjobs.fastapi_app import create_app
from cronjobs.models import metadata
from cronjobs.testing import questions, worlds, years
from cronjobs.testing.client import Api, Sender
from cronjobs.testing.statements import Sent, leafed_through, scanned
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import World
from cronjobs.testing.years import LARGE, Size
from crossfade.database.sessions import begin_write
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import places, postgres

# The large world is a database of its own.
pytestmark = pytest.mark.crossfade(elsewhere=True)

FEW = Size(jobs=4, executions=40, notifications=40)
MANY = {
    "postgresql": Size(jobs=10_000, executions=1_000_000, notifications=200_000),
    # Its plans follow from what it was told of each index, not from how many rows there are.
    "sqlite": Size(jobs=1_000, executions=100_000, notifications=20_000),
}
ROOM = 4 * 2**30
"""Bytes that they need, with what the database writes besides."""
MOST_ON_A_PAGE = 200


@pytest.fixture
def large(world: World) -> Generator[World]:
    """A world of its own, with very many rows, in the same kind of database."""
    like = world.router.engine("flask")
    with empty(like) as url, worlds.world(url, Project.find().root) as made:
        with years.in_bulk(made.router.engine("flask")) as connection:
            years.fill(connection, MANY[like.dialect.name], owner=made.people["admin"].id)
        yield made


@contextmanager
def empty(like: Engine) -> Generator[str | URL]:
    """A database of the same kind, gone with the block."""
    if like.dialect.name == "sqlite":
        with tempfile.TemporaryDirectory(dir=places.memory(ROOM)) as place:
            yield f"sqlite:///{Path(place) / 'large_test.db'}"
        return
    with postgres.embedded(room=ROOM) as server:
        maintenance = create_engine(server.url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
        with maintenance.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # It would survey and tidy in the middle of the test.
            connection.exec_driver_sql("ALTER SYSTEM SET autovacuum = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield server.database("large_test")


def test_no_request_goes_through_all_executions_or_notifications(
    world: World,
    api: Api,
    large: World,
    open_sender: Callable[[Router], AbstractContextManager[Sender]],
    prefix: str,
    target: Target,
) -> None:
    engine = large.router.engine("flask")
    is_surveyed_by_itself = engine.dialect.name == "postgresql"
    with world.router.engine("flask").begin() as connection:
        years.fill(connection, FEW, owner=world.people["admin"].id)
    if is_surveyed_by_itself:
        years.survey(engine)

    few = questions.read(api, world.people["admin"].token), changed(world, api, target)
    with open_sender(large.router) as sender:
        over_many = Api(sender, prefix)
        read = questions.read(over_many, large.people["admin"].token)
        assert found(engine, read, beyond_a_page) == {}
        if not is_surveyed_by_itself:
            years.survey(engine)
            assert found(engine, read, beyond_a_page) == {}
        seen_to = upkeep(large)
        change = changed(large, over_many, target)
        assert found(engine, seen_to | change, scanned) == {}

    assert (lengths(read), lengths(change)) == tuple(lengths(each) for each in few)


def changed(world: World, api: Api, target: Target) -> dict[str, list[Sent]]:
    return questions.change(api, world.people["admin"].token, world.router, world.settings, target.url)


def upkeep(world: World) -> dict[str, list[Sent]]:
    with world.router.session_factory("flask")() as session:
        sent = questions.see_to(begin_write(session), world.settings)
        session.rollback()
    return sent


def lengths(requests: dict[str, list[Sent]]) -> dict[str, int]:
    return {request: len(sent) for request, sent in requests.items()}


def beyond_a_page(connection: Connection, sent: Sent) -> set[str]:
    return leafed_through(connection, sent, most=MOST_ON_A_PAGE)


def found(
    engine: Engine, requests: dict[str, list[Sent]], look: Callable[[Connection, Sent], set[str]]
) -> dict[str, set[str]]:
    """Of each request, the large tables that `look` finds in its statements."""
    tables: dict[str, set[str]] = defaultdict(set)
    with engine.connect() as connection:
        for request, sent in requests.items():
            for each in sent:
                if any(table in each.statement for table in LARGE):
                    tables[request] |= LARGE & look(connection, each)
    return {request: large for request, large in tables.items() if large}


def test_every_endpoint_that_reads_is_asked(world: World, prefix: str) -> None:
    document = create_app(router=world.router).openapi()
    reading = {path.removeprefix(prefix) for path, item in document["paths"].items() if "get" in item}

    assert reading - questions.READING.keys() == {"/echo"}  # which has no database


def test_what_a_delete_takes_along_is_found_by_an_index() -> None:
    """The database looks for the rows itself, where no plan shows it."""
    unknown = {
        f"{name}.{column.name}"
        for name in LARGE
        for column in metadata.tables[name].columns
        if column.foreign_keys and column.name not in {index.columns[0].name for index in metadata.tables[name].indexes}
    }

    assert unknown == set()
