"""`check` says what doesn't agree, and changes nothing."""

import dataclasses

import pytest
from sqlalchemy import URL, Column, Integer, MetaData, Table

from crossfade import revisions
from crossfade.errors import HostRefusedError
from crossfade.project import Project
from crossfade.revisions import Revisions
from crossfade.routes import resolve
from crossfade.settings import Settings


def test_a_database_that_is_missing(file):
    (problem,) = file.check()

    assert f"There is no database {file.path}" in problem
    assert "Run `crossfade init`" in problem
    assert not file.path.parent.exists()


def test_a_database_that_is_missing_on_the_server(server, on_server):
    (problem,) = dataclasses.replace(on_server, url=server.url.set(database="nowhere")).check()

    assert "There is no database nowhere" in problem


def test_an_empty_database(place):
    if place.is_file:
        place.path.parent.mkdir()
        place.path.touch()

    assert place.check() == ("it is empty: `crossfade init` makes its tables",)
    assert place.tables() == set()


def test_a_legacy_database(place, legacy):
    before = legacy(place)

    assert place.check() == ("it has the tables of the legacy application and no revision: `crossfade init` adopts it",)
    assert place.rows() == before


def test_a_foreign_database(place):
    place.run("CREATE TABLE customers (id INTEGER PRIMARY KEY)")

    (problem,) = place.check()

    assert "the table customers is not part of the schema" in problem


def test_pending_revisions(place):
    revisions = Revisions(place.project.revisions)
    with place.opened() if not place.is_file else _made(place) as connection:
        revisions.upgrade(connection, "0002")

    lacking = ", ".join(step.revision for step in revisions.steps[2:])
    assert place.check() == (f"it lacks the revisions {lacking}: `crossfade init` applies them",)


def _made(place):
    place.path.parent.mkdir()
    return place.opened()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP INDEX ix_jobs_updated_at", "the index on (updated_at) ix_jobs_updated_at of jobs is missing"),
        ("ALTER TABLE jobs ADD COLUMN priority INTEGER", "the column jobs.priority is not part of the schema"),
        ("ALTER TABLE job_executions DROP COLUMN attempt", "the column job_executions.attempt is missing"),
        ("DROP TABLE revoked_tokens", "the table revoked_tokens is missing"),
    ],
)
def test_drift(place, statement, problem):
    place.init()
    place.run(statement)

    assert place.check() == (problem,)


def test_what_may_lie_about_is_no_drift(place):
    place.init()
    place.run("CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY)")

    assert place.check() == ()


def test_models_that_the_revisions_do_not_make(file, project, monkeypatch):
    file.init()
    metadata = MetaData()
    for table in project.load("metadata").tables.values():
        table.to_metadata(metadata)
    Table("forgotten", metadata, Column("id", Integer, primary_key=True))
    monkeypatch.setattr("cronjobs.models.metadata", metadata)

    assert file.check() == (
        "models and revisions differ: the table forgotten is missing",
        "the table forgotten is missing",
    )


def test_a_server_that_does_not_answer_is_no_disagreement(on_server, unused_port):
    url = URL.create("postgresql", username="u", host="127.0.0.1", port=unused_port, database="d")

    with pytest.raises(HostRefusedError):
        dataclasses.replace(on_server, url=url).check()


def test_a_database_in_memory_agrees(tmp_path, project):
    route = resolve(Settings(root=tmp_path, testing=True)).flask

    (report,) = revisions.check([route], project)

    assert (report.action, report.problems) == ("memory", ())


def test_a_check_leaves_no_file_behind(file, legacy):
    legacy(file)
    before = file.path.read_bytes()

    file.check()

    assert file.path.read_bytes() == before
    assert [found.name for found in file.path.parent.iterdir()] == ["legacy.db"]


def test_a_check_of_a_database_in_use_leaves_no_file_behind(file):
    file.init()

    file.check()

    assert [found.name for found in file.path.parent.iterdir()] == ["legacy.db"]


def test_models_and_revisions_of_this_application_agree():
    assert revisions.installation.models_drift(Project.find(__file__)) == []
