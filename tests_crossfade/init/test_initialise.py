"""What `initialise` makes of a database that isn't there, is there, or can't be used."""

import dataclasses
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL

from cronjobs import models
from crossfade import revisions
from crossfade.errors import (
    DatabaseMissingError,
    DatabaseUnwritableError,
    HostRefusedError,
    NotADatabaseError,
    NotDisposableError,
    SchemaBusyError,
    UnknownRevisionError,
)
from crossfade.project import Project
from crossfade.revisions import Revisions, installation, opening, steps
from crossfade.router import Router
from crossfade.routes import resolve
from crossfade.settings import Settings

STEPS = tuple(step.revision for step in Revisions("cronjobs.revisions").steps)
CATEGORIES = {
    "general": "General",
    "regression": "Regression",
    "dr-testing": "DR Testing",
    "feature-testing": "Feature Testing",
    "prod-canary": "Prod/Canary",
    "refund": "Refund",
    "backward-compatibility": "Backward Compatibility",
}


def test_a_new_database_is_made_stamped_and_seeded(place):
    report = place.init()

    rows = place.rows()
    made = (report.action, report.before, report.after, report.environment)
    assert made == ("created", None, STEPS[-1], "development")
    assert report.applied == STEPS
    assert rows.keys() == models.metadata.tables.keys() | {"alembic_version", "crossfade_stamp", "crossfade_seed"}
    assert {row["slug"]: row["name"] for row in rows["job_categories"]} == CATEGORIES
    assert {row["key"]: row["value"] for row in rows["crossfade_stamp"]}["environment"] == "development"
    assert place.check() == ()


def test_it_can_be_repeated(place):
    place.init()
    before = place.rows()

    report = place.init()

    assert (report.action, report.applied) == ("current", ())
    assert place.rows() == before


def test_what_somebody_renamed_or_deleted_is_not_brought_back(place):
    place.init()
    place.run(
        "UPDATE job_categories SET slug = 'canary' WHERE slug = 'prod-canary'",
        "DELETE FROM job_categories WHERE slug = 'refund'",
    )

    place.init()

    slugs = {row["slug"] for row in place.rows()["job_categories"]}
    assert slugs == CATEGORIES.keys() - {"prod-canary", "refund"} | {"canary"}


def test_an_older_database_is_upgraded_with_its_rows(place, legacy):
    before = legacy(place)
    with place.opened() as connection:
        Revisions(place.project.revisions).stamp(connection, "0001")

    report = place.init()

    assert (report.action, report.before, report.after) == ("upgraded", "0001", STEPS[-1])
    assert report.applied == STEPS[1:]
    assert {name: len(rows) for name, rows in place.rows().items() if name in before} == {
        name: len(rows) for name, rows in before.items()
    }
    assert place.check() == ()


def test_a_database_that_newer_code_upgraded_is_refused(place):
    place.init()
    place.run("UPDATE alembic_version SET version_num = '9999'")
    before = place.rows()

    with pytest.raises(UnknownRevisionError, match="9999") as refusal:
        place.init()

    assert str(refusal.value).startswith(place.routes[0].masked)
    assert place.rows() == before
    assert "is at revision 9999" in place.check()[0]


def test_an_empty_version_table_is_no_revision(place, legacy):
    legacy(place)
    place.run("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")

    assert place.init().action == "adopted"


def test_two_that_start_at_once_do_it_once(place):
    with ThreadPoolExecutor(6) as pool:
        reports = [future.result() for future in [pool.submit(place.init) for _ in range(6)]]

    assert sorted(report.action for report in reports) == ["created", *["current"] * 5]
    assert len(place.rows()["job_categories"]) == 7
    assert place.check() == ()


def test_processes_that_start_at_once_do_it_once(place, home):
    code = "from crossfade.cli import init; init.main()"
    url = place.url.render_as_string(hide_password=False)
    variables = os.environ | {"CROSSFADE_PROJECT": str(home), "DATABASE_URL": url, "TESTING": ""}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]

    told = [process.communicate(timeout=60)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], told
    assert sum(f"created, at revision {STEPS[-1]}" in text for text in told) == 1
    assert sum(f"nothing to do, at revision {STEPS[-1]}" in text for text in told) == 2


def test_a_step_that_fails_leaves_nothing_behind(place, legacy, monkeypatch):
    before = legacy(place)

    def fail(*_arguments):
        raise RuntimeError("the power went")

    monkeypatch.setattr(installation, "_seed", fail)
    with pytest.raises(RuntimeError, match="the power went"):
        place.init()

    assert place.rows() == before
    assert "no revision" in place.check()[0]


def test_an_init_that_is_killed_leaves_nothing_behind(place, legacy, home):
    before = legacy(place)
    # The last thing that an adoption does is to look for oddities.
    code = (
        "import os, signal, dataclasses, cronjobs.adoption as a\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "a.adoption = dataclasses.replace(a.adoption, oddities=die)\n"
        "from crossfade.cli import init; init.main()"
    )
    url = place.url.render_as_string(hide_password=False)
    variables = os.environ | {"CROSSFADE_PROJECT": str(home), "DATABASE_URL": url, "TESTING": ""}

    ended = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert place.rows() == before
    assert place.init().action == "adopted"


def test_a_folder_that_is_missing_is_made(file):
    assert not file.path.parent.exists()

    file.init()

    assert file.path.is_file()


def test_an_empty_file_is_a_new_database(file):
    file.path.parent.mkdir()
    file.path.touch()

    assert file.init().action == "created"


def test_a_file_of_another_kind_is_refused_unchanged(file):
    file.path.parent.mkdir()
    file.path.write_bytes(b"These are no tables." * 100)

    with pytest.raises(NotADatabaseError, match=r"legacy\.db"):
        file.init()

    assert file.path.read_bytes() == b"These are no tables." * 100


def test_a_directory_is_no_database(file):
    file.path.mkdir(parents=True)

    with pytest.raises(NotADatabaseError, match="it is a directory"):
        file.init()


def test_a_place_where_nothing_can_be_written_is_named(file):
    file.path.parent.write_text("a file where the folder should be")

    with pytest.raises(DatabaseUnwritableError, match=r"legacy\.db"):
        file.init()


def test_a_writer_that_does_not_end_is_waited_for_and_then_named(file, monkeypatch):
    file.init()
    monkeypatch.setattr("crossfade.database.dialects.BUSY_TIMEOUT", 0.1)
    file.run("DELETE FROM alembic_version", "INSERT INTO alembic_version VALUES ('0003')")
    with file.opened() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

        with pytest.raises(SchemaBusyError, match="database is locked"):
            file.init()


def test_a_table_that_is_held_is_waited_for_and_then_named(on_server, legacy, monkeypatch):
    legacy(on_server)
    monkeypatch.setattr(steps, "_WAIT_FOR_TABLE", "50ms")
    with on_server.opened() as connection:
        connection.exec_driver_sql("LOCK TABLE jobs IN ACCESS SHARE MODE")

        with pytest.raises(SchemaBusyError, match="lock timeout"):
            on_server.init()

    assert on_server.init().action == "adopted"


def test_a_database_that_is_missing_on_the_server_is_made(server, on_server):
    missing = dataclasses.replace(on_server, url=server.url.set(database='two words "quoted"'))
    on_server.run_alone('DROP DATABASE IF EXISTS "two words ""quoted"""')

    with ThreadPoolExecutor(3) as pool:
        reports = [future.result() for future in [pool.submit(missing.init) for _ in range(3)]]

    assert sorted(report.action for report in reports) == ["created", "current", "current"]
    assert missing.check() == ()


def test_a_server_without_a_database_postgres_is_asked_in_another(server, on_server, monkeypatch):
    missing = dataclasses.replace(on_server, url=server.url.set(database="asked_elsewhere"))
    on_server.run_alone("DROP DATABASE IF EXISTS asked_elsewhere")

    monkeypatch.setattr(opening, "_MAINTENANCE", ("no_such_database",))
    with pytest.raises(DatabaseMissingError, match="createdb asked_elsewhere"):
        missing.init()
    monkeypatch.setattr(opening, "_MAINTENANCE", ("no_such_database", "template1"))

    assert missing.init().action == "created"


def test_a_server_that_refuses_to_make_the_database_is_quoted(server, on_server):
    on_server.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'modest') THEN"
        " CREATE ROLE modest LOGIN PASSWORD 'secret-of-modest'; END IF; END $$"
    )
    url = server.url.set(username="modest", password="secret-of-modest", database="not_allowed")

    with pytest.raises(DatabaseMissingError, match="permission denied to create database") as refusal:
        dataclasses.replace(on_server, url=url).init()

    assert "createdb not_allowed" in str(refusal.value)
    assert "secret-of-modest" not in str(refusal.value)


def test_a_server_that_does_not_answer_is_named(on_server, unused_port):
    url = URL.create("postgresql", username="u", password="pw-secret", host="127.0.0.1", port=unused_port, database="d")

    with pytest.raises(HostRefusedError, match=f"127.0.0.1:{unused_port}") as refusal:
        dataclasses.replace(on_server, url=url).init()

    assert "pw-secret" not in str(refusal.value)


def test_databases_of_both_stacks_are_made_where_they_are_separate(tmp_path, project):
    routes = resolve(Settings(root=tmp_path, fastapi_database_url="sqlite:///fastapi_cron_jobs.db"))

    reports = revisions.initialise((routes.flask, routes.fastapi), project)

    assert [(report.stacks, report.mode, report.action) for report in reports] == [
        (("flask",), "separate", "created"),
        (("fastapi",), "separate", "created"),
    ]
    assert {path.name for path in (tmp_path / "instance").glob("*.db")} == {"cron_jobs.db", "fastapi_cron_jobs.db"}


def test_threads_may_bring_up_different_databases_at_once(tmp_path, project):
    routes = [resolve(Settings(root=tmp_path, database_url=f"sqlite:///{number}.db")).flask for number in range(6)]

    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda route: revisions.initialise([route], project), routes))

    assert [report.action for (report,) in reports] == ["created"] * 6
    assert [report.problems for report in revisions.check(routes, project)] == [()] * 6


def test_a_shared_database_is_reported_once(place):
    assert place.init().stacks == ("flask", "fastapi")


def test_databases_for_tests_are_stamped_for_tests(tmp_path, project):
    routes = resolve(Settings(root=tmp_path, testing=True))

    flask, fastapi = revisions.initialise((routes.flask, routes.fastapi), project)

    assert (flask.action, flask.environment) == ("memory", None)
    assert (fastapi.action, fastapi.environment) == ("created", "test")


def test_a_database_with_rows_of_somebody_does_not_become_one_for_tests(tmp_path, project, file):
    file.init()
    routes = resolve(Settings(root=tmp_path, testing=True, test_database_url=f"sqlite:///{file.path}"))

    with pytest.raises(NotDisposableError, match="its stamp says development"):
        revisions.initialise((routes.flask,), project)


def test_a_database_in_memory_is_made_for_the_router_of_this_process(tmp_path, project):
    router = Router(Settings(root=tmp_path, testing=True))
    try:
        reports = revisions.initialise(router, project, stacks=("flask",))

        assert [report.action for report in reports] == ["created"]
        with router.session("flask") as session:
            assert session.query(models.JobCategory).count() == 7
    finally:
        router.dispose()


def test_production_is_stamped_so(tmp_path, project):
    route = resolve(Settings(root=tmp_path, app_env="production")).flask

    (report,) = revisions.initialise([route], project)

    assert report.environment == "production"


def test_a_project_without_seed_or_adoption_gets_its_tables(tmp_path, project):
    bare = dataclasses.replace(project, seed=None, adoption=None)

    (report,) = revisions.initialise([resolve(Settings(root=tmp_path)).flask], bare)

    assert report.action == "created"


def test_reports_are_json(place):
    report = place.init().as_dict()

    assert report["action"] == "created"
    assert report["stacks"] == ("flask", "fastapi")


def test_a_project_is_found_from_its_folder():
    assert Project.find(Path(__file__)).load("adoption").ignored_tables == {"apscheduler_jobs"}
