"""Where PostgreSQL comes from: a server that somebody runs, or a container."""

from sqlalchemy import create_engine, text

TEST = "def test_it(sync_session):\n    print('it ran')\n"

TWICE = """
import pytest
from sqlalchemy import text
from bookshop.models import Book

@pytest.mark.parametrize("time", [1, 2])
def test_it(sync_session, flask_client, time):
    sync_session.add(Book(title="Emma"))
    sync_session.commit()
    assert flask_client.get("/api/books").get_json() == ["Emma"]
    named = sync_session.execute(text("SELECT current_database(), pg_postmaster_start_time()")).one()
    print("on", *named, sep="|")
"""


def databases(engine):
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT datname FROM pg_database")))


def test_a_server_that_is_named_lends_its_room_and_gets_it_back(suite, server) -> None:
    engine = create_engine(server.url.set(drivername="postgresql+psycopg"))
    before = databases(engine)
    with engine.connect() as connection:
        started = str(connection.scalar(text("SELECT pg_postmaster_start_time()")))
    url = server.url.render_as_string(hide_password=False)

    outcome = suite(TWICE, "--crossfade-db=postgres", f"--crossfade-postgres={url}", "-s")

    assert outcome.counts(passed=2), outcome.said
    said = {tuple(line.split("|")[1:]) for line in outcome.said.splitlines() if "on|" in line}
    [(name, when)] = said
    assert name.startswith("crossfade_test_"), said
    assert (name in before, when) == (False, started)
    assert databases(engine) == before
    engine.dispose()


def test_a_server_that_is_not_there_ends_the_run_before_the_first_test(bookshop, refusals) -> None:
    (bookshop / "test_it.py").write_text(TEST)
    nowhere = "--crossfade-postgres=postgresql://somebody:hunter2@127.0.0.1:1/postgres"

    refusals(bookshop, [(["--crossfade-db=postgres", nowhere], {}, "--crossfade-postgres")])


def test_testcontainers_says_in_one_line_why_it_is_not_to_be_had(suite) -> None:
    outcome = suite(TEST, "--crossfade-db=postgres", "--crossfade-postgres=testcontainers", DOCKER_HOST="tcp://[::1]:1")

    assert outcome.code == 4
    [line] = outcome.said.strip().splitlines()
    assert "--crossfade-postgres testcontainers can't be had here: " in line
