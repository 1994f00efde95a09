"""Databases that the legacy application made: taken in with every row, or refused with nothing changed."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs import models
from crossfade import clock
from crossfade.errors import DatabaseUnwritableError, ForeignSchemaError
from crossfade.revisions import Revisions

LATER = ("jobs.end_date", "jobs.pic_team", "pic_teams.slack_handle")


def kept(before, after):
    """The rows of `after` in the tables and columns of `before`."""
    return {
        name: [{column: row[column] for column in (rows[0] if rows else ())} for row in after[name]] if rows else []
        for name, rows in before.items()
    }


@pytest.mark.parametrize("reordered", [False, True])
def test_a_legacy_database_keeps_every_row(place, legacy, reordered):
    before = legacy(place, reordered=reordered)

    report = place.init()

    assert (report.action, report.before, report.after) == ("adopted", None, Revisions("cronjobs.revisions").head)
    assert kept(before, place.rows()) == before
    assert report.added == ()
    assert place.check() == ()


def test_the_oldest_databases_get_the_columns_that_they_lack(place, legacy):
    before = legacy(place, without=LATER, reordered=True)

    report = place.init()

    assert set(report.added) == {f"the column {name}" for name in LATER}
    assert kept(before, place.rows()) == before
    assert place.check() == ()
    with place.opened() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs WHERE end_date IS NULL").scalar() == 4


def test_tables_that_came_later_are_made(place, legacy):
    later = ["pic_teams", "slack_settings", "notifications", "job_executions", "job_categories", "user_ui_preferences"]
    before = legacy(place, without_tables=later)

    report = place.init()

    assert set(report.added) == {f"the table {name}" for name in later}
    after = place.rows()
    assert kept(before, after) == before
    assert len(after["job_categories"]) == 7
    assert place.check() == ()


def test_a_missing_index_is_made(place, legacy):
    legacy(place)
    place.run("DROP INDEX ix_job_executions_job_id")

    report = place.init()

    assert report.added == ("the index ix_job_executions_job_id",)
    assert place.check() == ()


def test_an_adopted_database_is_not_seeded_again(place, legacy):
    legacy(place)

    place.init()

    assert [row["slug"] for row in place.rows()["job_categories"]] == ["general", "renamed"]


def test_a_second_init_finds_nothing_to_do(place, legacy):
    legacy(place)
    place.init()
    before = place.rows()

    report = place.init()

    assert (report.action, report.applied, report.copy) == ("current", (), None)
    assert place.rows() == before


def test_adopted_jobs_keep_the_dialect_of_the_legacy_scheduler(place, legacy):
    legacy(place)

    place.init()

    with place.opened() as connection, Session(connection) as session:
        assert set(session.scalars(select(models.Job.cron_dialect))) == {"apscheduler"}
        assert set(session.scalars(select(models.Job.next_run_at))) == {None}
        assert set(session.scalars(select(models.JobExecution.attempt))) == {1}


def test_old_passwords_are_kept_as_they_are(place, legacy):
    legacy(place)

    place.init()

    with place.opened() as connection, Session(connection) as session:
        user = session.scalars(select(models.User).where(models.User.username == "Anna")).one()
        assert user.password_hash == "$pbkdf2-sha256$29000$c2FsdA$aGFzaA"
        assert user.tokens_valid_from is None


def test_oddities_are_told(place, legacy):
    legacy(place)
    place.run("CREATE TABLE apscheduler_jobs (id VARCHAR(191) NOT NULL, next_run_time FLOAT, job_state TEXT NOT NULL)")

    told = "\n".join(place.init().oddities)

    for part in (
        "1 execution is still marked running, of 'weekdays'",
        "the metadata of 'weekdays' is a list",
        "the metadata of 'Ünïcode 🚀' is a string",
        "the metadata of 'broken' is no JSON",
        "'broken', 'hourly' belong to nobody",
        "apscheduler_jobs is left from the legacy scheduler",
        "the usernames 'Anna', 'anna' differ in case only",
        "the email addresses 'Anna@example.com', 'anna@example.com' differ in case only",
        "'weekdays' (0 9 * * 1-5) keeps the dialect apscheduler",
        "'Ünïcode 🚀' can't be run",
    ):
        assert part in told, part
    assert "hourly' (" not in told


def test_every_kind_of_metadata_that_is_no_object_is_told(place, legacy):
    legacy(place)
    for kind, text in {"null": "null", "true": "true", "number": "1.5", "empty": "", "deep": "[" * 100_000}.items():
        place.run(
            "INSERT INTO jobs (id, name, cron_expression, job_metadata, category, enable_email_notifications,"
            f" notify_on_success, is_active, created_at, updated_at) VALUES ('{kind}', '{kind}', '0 0 * * *', '{text}',"
            " 'general', FALSE, FALSE, TRUE, '2023-01-01', '2023-01-01')"
        )

    told = "\n".join(place.init().oddities)

    assert "the metadata of 'null' is null" in told
    assert "the metadata of 'true' is a boolean" in told
    assert "the metadata of 'number' is a number" in told
    assert "the metadata of 'broken', 'deep', 'empty' is no JSON" in told


def test_a_long_list_is_cut_but_counted(place, legacy):
    legacy(place, rows=False)
    place.run(
        "INSERT INTO jobs (id, name, cron_expression, category, enable_email_notifications, notify_on_success,"
        " is_active, created_at, updated_at) VALUES "
        + ", ".join(
            f"('{number}', 'job {number:03}', '0 0 * * *', 'general', FALSE, FALSE, TRUE, '2023-01-01', '2023-01-01')"
            for number in range(25)
        )
    )

    (sentence,) = (each for each in place.init().oddities if "created_by" in each)

    assert "'job 019' and 5 more belong to nobody" in sentence


def test_a_tidy_legacy_database_has_no_oddities(place, legacy):
    legacy(place, rows=False)

    assert place.init().oddities == ()


def test_the_pickles_of_the_legacy_scheduler_stay_and_are_no_difference(place, legacy):
    legacy(place)
    place.run(
        "CREATE TABLE apscheduler_jobs (id VARCHAR(191) NOT NULL, next_run_time FLOAT, job_state TEXT NOT NULL)",
        "CREATE INDEX ix_apscheduler_jobs_next_run_time ON apscheduler_jobs (next_run_time)",
        "INSERT INTO apscheduler_jobs VALUES ('j1', 1.5, 'no pickle at all')",
    )

    place.init()

    assert place.rows()["apscheduler_jobs"] == [{"id": "j1", "next_run_time": 1.5, "job_state": "no pickle at all"}]
    assert place.check() == ()


def test_rows_that_point_at_nothing_are_told_and_kept(file, legacy):
    legacy(file)
    with closing(sqlite3.connect(file.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("UPDATE job_executions SET job_id = 'nobody' WHERE id = 'e1'")
        connection.execute("UPDATE jobs SET created_by = 'nobody' WHERE id = 'j2'")
    before = file.rows()

    report = file.init()

    assert "1 row of job_executions point at a job_id that doesn't exist" in report.oddities
    assert any("'hourly' belong to a user who is gone" in oddity for oddity in report.oddities)
    assert any("of a job that is gone" in oddity or "'a job that is gone'" in oddity for oddity in report.oddities)
    assert kept(before, file.rows()) == before


def test_the_file_as_it_was_is_kept_beside(file, legacy):
    before = legacy(file)
    file.path.chmod(0o640)

    report = file.init()

    (copy,) = file.path.parent.glob("legacy.before-adoption-*.db")
    assert report.copy == str(copy)
    assert copy.stat().st_mode & 0o777 == 0o640
    with closing(sqlite3.connect(copy)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == before.keys()
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (4,)


def test_a_copy_that_can_not_be_written_stops_the_adoption(file, legacy, home):
    legacy(file)
    file.run("UPDATE jobs SET job_metadata = hex(zeroblob(500000))")
    before = file.rows()
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from crossfade.cli import init; init.main()"
    )
    variables = os.environ | {"CROSSFADE_PROJECT": str(home), "DATABASE_URL": f"sqlite:///{file.path}", "TESTING": ""}

    ended = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)

    assert ended.returncode == 3
    assert "its copy legacy.before-adoption-" in ended.stderr
    assert file.rows() == before
    assert [found.name for found in file.path.parent.iterdir()] == ["legacy.db"]


def test_a_copy_never_overwrites_a_file(file, legacy, monkeypatch):
    legacy(file)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    taken = file.path.with_name(f"legacy.before-adoption-{now:%Y%m%dT%H%M%S%fZ}.db")
    taken.write_text("mine")

    with pytest.raises(DatabaseUnwritableError, match="there is such a file already"):
        file.init()

    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("CREATE TABLE customers (id INTEGER PRIMARY KEY)", "the table customers is not part of the schema"),
        ("ALTER TABLE jobs ADD COLUMN priority INTEGER", "the column jobs.priority is not part of the schema"),
        ("CREATE INDEX ix_jobs_category ON jobs (category)", "the index on (category) ix_jobs_category of jobs"),
        ("DROP INDEX ix_users_email", "the unique index on (email) ix_users_email of users is missing"),
        ("DROP TABLE jobs", "the table jobs is missing"),
    ],
)
def test_a_schema_that_differs_is_refused_with_the_difference(place, legacy, statement, difference):
    cascade = " CASCADE" if statement.startswith("DROP TABLE") and not place.is_file else ""
    legacy(place, rows=False)
    place.run(statement + cascade)
    before = place.rows()

    with pytest.raises(ForeignSchemaError, match="Nothing was changed") as refusal:
        place.init()

    assert difference in str(refusal.value)
    assert refusal.value.exit_code == 3
    assert place.rows() == before


@pytest.mark.parametrize(
    ("column", "other", "difference"),
    [
        ("name VARCHAR(255) NOT NULL", "name VARCHAR(200) NOT NULL", "jobs.name is VARCHAR(200), not VARCHAR(255)"),
        ("name VARCHAR(255) NOT NULL", "name VARCHAR NOT NULL", "jobs.name is VARCHAR, not VARCHAR(255)"),
        ("name VARCHAR(255) NOT NULL", "name VARCHAR(255)", "jobs.name may be null, but must not"),
        (
            "job_metadata TEXT",
            "job_metadata TEXT NOT NULL",
            "jobs.job_metadata may not be null, but must be",
        ),
        ("job_metadata TEXT", "job_metadata INTEGER", "jobs.job_metadata is INTEGER, not TEXT"),
        ("job_metadata TEXT", "job_metadata TEXT DEFAULT '{}'", "jobs.job_metadata has the default"),
        ("UNIQUE (name)", "UNIQUE (name, category)", "jobs lacks the unique constraint on (name)"),
        ("REFERENCES users (id)", "REFERENCES users (id) ON DELETE CASCADE", "jobs lacks the foreign key (created_by)"),
        ("PRIMARY KEY (id)", "PRIMARY KEY (id, name)", "the primary key of jobs is (id, name), not (id)"),
        ("category VARCHAR(100) NOT NULL", "kind VARCHAR(100) NOT NULL", "the column jobs.category is missing"),
    ],
)
def test_a_column_or_key_that_differs_is_refused(place, legacy, column, other, difference):
    # Without the tables that refer to jobs: PostgreSQL would not let them refer to another key.
    legacy(place, rows=False, instead={column: other}, without_tables=["job_executions", "notifications"])

    with pytest.raises(ForeignSchemaError) as refusal:
        place.init()

    assert difference in str(refusal.value)


def test_a_refused_file_is_not_changed_by_a_byte(file, legacy):
    legacy(file)
    file.run("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
    before = file.path.read_bytes()

    with pytest.raises(ForeignSchemaError):
        file.init()

    assert file.path.read_bytes() == before
    assert [found.name for found in file.path.parent.iterdir()] == ["legacy.db"]


def test_a_file_whose_booleans_are_called_bool_is_adopted(file, legacy):
    before = legacy(file, instead={"is_active BOOLEAN": "is_active BOOL"})

    assert file.init().action == "adopted"
    assert kept(before, file.rows()) == before


def test_a_file_in_which_the_legacy_application_died_is_adopted_as_it_was(file, legacy):
    before = legacy(file)
    # With a cache of one page, changes reach the file before the commit that never comes.
    code = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA cache_size=1')\n"
        "connection.execute('BEGIN')\n"
        "connection.execute(\"UPDATE jobs SET job_metadata = hex(zeroblob(200000)), name = name || ' lost'\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(file.path)], check=False)
    assert file.path.with_name("legacy.db-journal").exists()

    assert file.init().action == "adopted"
    assert kept(before, file.rows()) == before


def test_rows_that_nobody_could_make_today_are_listed(place, legacy):
    legacy(place)
    place.run("UPDATE users SET role = 'superuser' WHERE id = 'u1'")
    place.run("UPDATE job_executions SET status = 'weird' WHERE id = 'e1'")
    place.run(
        "UPDATE jobs SET category = 'nowhere', end_date = NULL, pic_team = NULL, target_url = NULL WHERE id = 'j1'"
    )

    told = "\n".join(place.init().oddities)

    assert "users.role also holds 'superuser'" in told
    assert "job_executions.status also holds 'weird'" in told
    assert "'nowhere'" in told
    assert "no end date" in told
    assert "no team in charge" in told
