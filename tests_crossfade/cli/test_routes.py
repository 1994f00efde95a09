"""`crossfade routes`."""

import json
import sqlite3
from contextlib import closing


def seen(result):
    routes = {route["stack"]: route for route in json.loads(result.stdout)["routes"]}
    assert result.returncode == (0 if all(route["reachable"] for route in routes.values()) else 1), result.stderr
    return routes


def test_by_default_both_stacks_share_a_file_under_instance(here, bookshop):
    routes = seen(here("routes", "--json"))

    for stack in ("flask", "fastapi"):
        assert routes[stack]["mode"] == "shared"
        assert routes[stack]["url"] == f"sqlite:///{bookshop}/instance/cron_jobs.db"
        assert routes[stack]["source"] == "the default"


def test_a_database_that_is_not_there_is_shown_as_such_and_not_created(here, bookshop):
    routes = seen(here("routes", "--json"))

    assert routes["flask"]["reachable"] is False
    assert "crossfade init" in routes["flask"]["reason"]
    assert routes["flask"]["revision"] is None
    assert not (bookshop / "instance" / "cron_jobs.db").exists()


def test_a_database_that_is_there_shows_its_revision(here):
    assert here("init").returncode == 0

    routes = seen(here("routes", "--json"))

    assert {(route["reachable"], route["reason"], route["revision"]) for route in routes.values()} == {
        (True, None, "0001")
    }


def test_each_stack_names_the_variable_that_decided(here, bookshop):
    (bookshop / ".env").write_text("FASTAPI_DATABASE_URL=sqlite:///own.db\n")

    routes = seen(here("routes", "--json", DATABASE_URL="sqlite:///shop.db"))

    assert routes["flask"]["source"] == "DATABASE_URL (environment)"
    assert routes["fastapi"]["source"] == f"FASTAPI_DATABASE_URL ({bookshop}/.env)"
    assert {route["mode"] for route in routes.values()} == {"separate"}


def test_a_server_that_is_not_there_is_shown_with_the_reason_and_without_its_password(here):
    result = here("routes", "--json", DATABASE_URL="postgresql://owner:hunter2@127.0.0.1:1/books")
    routes = seen(result)

    assert routes["flask"]["url"] == "postgresql://owner:***@127.0.0.1:1/books"
    assert routes["flask"]["reachable"] is False
    assert "127.0.0.1" in routes["flask"]["reason"]
    assert "hunter2" not in result.stdout + result.stderr


def test_a_test_run_is_shown_as_one(here):
    routes = seen(here("routes", "--json", TESTING="1"))

    assert {route["mode"] for route in routes.values()} == {"test"}
    assert routes["fastapi"]["url"].endswith("/instance/fastapi_test.db")


def test_for_people_it_is_a_table_that_can_be_copied_from(here, bookshop):
    here("init")
    lines = here("routes").stdout.splitlines()

    assert lines[0].split() == ["stack", "mode", "database", "said", "by", "reachable", "revision"]
    assert lines[1].split() == [
        "flask",
        "shared",
        f"sqlite:///{bookshop}/instance/cron_jobs.db",
        "the",
        "default",
        "yes",
        "0001",
    ]


def test_for_people_the_reason_is_told_once(here):
    result = here("routes")

    assert result.returncode == 1
    assert result.stdout.count("There is no database") == 1


def test_a_file_that_is_no_database_is_shown_as_such(here, bookshop):
    (bookshop / "instance").mkdir()
    (bookshop / "instance" / "cron_jobs.db").write_text("a shopping list, and not a short one" * 100)

    routes = seen(here("routes", "--json"))

    assert routes["flask"]["reachable"] is False
    assert "not an SQLite database" in routes["flask"]["reason"]


def test_looking_changes_nothing_of_a_file_that_may_be_somebody_elses(here, bookshop):
    (bookshop / "instance").mkdir()
    file = bookshop / "instance" / "cron_jobs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (id)")
    before = file.read_bytes()

    assert seen(here("routes", "--json"))["flask"]["reachable"] is True
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["cron_jobs.db"]


def test_on_postgresql_the_revision_is_shown_too(here, database):
    assert here("init", DATABASE_URL=database).returncode == 0

    assert seen(here("routes", "--json", DATABASE_URL=database))["fastapi"]["revision"] == "0001"
