"""What keeps two databases from a copy is said before the first row."""

import pytest

from cronjobs.models import metadata
from crossfade.errors import NotReadyError, SelectionError, UnknownRevisionError
from crossfade.revisions import Revisions
from crossfade.transfer import checks, plan

LINE = Revisions("cronjobs.revisions")
HEAD, EARLIER = LINE.head, LINE.steps[-2].revision


def made(**selection):
    return plan.make(metadata, revisions="cronjobs.revisions", ignored=("apscheduler_jobs",), **selection)


@pytest.fixture
def refusal(pair):
    """Why two databases are not ready; None if they are."""

    def ask(source, target, **selection):
        with pair(source, target) as (here, there):
            try:
                checks.ensure_ready(here, there, made(**selection))
            except NotReadyError as error:
                return str(error)
        return None

    return ask


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_two_that_init_has_made_are_ready(refusal, initialised, source, target):
    assert refusal(initialised(source), initialised(target)) is None


def test_a_target_without_tables_is_named_with_what_makes_them(refusal, initialised, new_database):
    told = refusal(initialised("sqlite"), new_database())

    assert "the target postgresql://" in told
    assert "has no tables: `crossfade init --url …` makes them" in told


def test_a_source_that_init_has_never_seen_is_adopted_first(refusal, initialised, tmp_path, run):
    path = f"sqlite:///{tmp_path}/legacy.db"
    (tmp_path / "legacy.db").touch()
    run(path, "CREATE TABLE users (id VARCHAR(36))")

    assert "has tables, but no revision: `crossfade init --url …` adopts" in refusal(path, initialised("sqlite"))


@pytest.mark.parametrize("behind", [0, 1])
def test_two_revisions_are_named(refusal, initialised, run, behind):
    databases = [initialised("sqlite"), initialised("postgresql")]
    run(databases[behind], f"UPDATE alembic_version SET version_num = '{EARLIER}'")

    told = refusal(*databases)

    assert f"at {EARLIER}" in told
    assert f"brings both to {HEAD}" in told


def test_two_at_the_same_earlier_revision_are_ready_if_nothing_that_is_carried_is_missing(refusal, initialised, run):
    databases = [initialised("sqlite"), initialised("sqlite")]
    for database in databases:
        run(database, f"UPDATE alembic_version SET version_num = '{EARLIER}'")

    assert refusal(*databases) is None


def test_a_revision_that_nobody_knows_is_refused(pair, initialised, run):
    databases = [initialised("sqlite"), initialised("sqlite")]
    run(databases[1], "UPDATE alembic_version SET version_num = '9999'")

    with pair(*databases) as (source, target), pytest.raises(UnknownRevisionError, match=r"made_1\.db.*revision 9999"):
        checks.ensure_ready(source, target, made())


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE users DROP COLUMN role", "the column users.role is missing"),
        ("ALTER TABLE users ADD COLUMN shoe INTEGER", "the column users.shoe is not part of the schema"),
        ("DROP TABLE slack_settings", "the table slack_settings is missing"),
    ],
)
def test_drift_is_told_for_the_side_that_has_it(refusal, initialised, run, side, statement, told):
    databases = [initialised("sqlite"), initialised("postgresql")]
    run(databases[side], statement)

    refused = refusal(*databases)

    assert told in refused
    assert f"the {('source', 'target')[side]} " in refused


def test_drift_in_a_table_that_is_not_carried_does_not_matter(refusal, initialised, run):
    databases = [initialised("sqlite"), initialised("sqlite")]
    run(databases[0], "ALTER TABLE users ADD COLUMN shoe INTEGER")

    assert refusal(*databases, tables=["job_categories"]) is None


def test_an_index_more_or_less_does_not_matter(refusal, initialised, run):
    databases = [initialised("sqlite"), initialised("postgresql")]
    run(databases[0], "DROP INDEX ix_job_executions_job_id", "CREATE INDEX mine ON users (role)")
    run(databases[1], "CREATE INDEX mine ON users (role)")

    assert refusal(*databases) is None


def test_a_table_that_only_the_source_has_would_stay_behind_unless_somebody_says_so(refusal, initialised, run):
    databases = [initialised("sqlite"), initialised("sqlite")]
    run(databases[0], "CREATE TABLE invoices (id INTEGER PRIMARY KEY)")

    told = refusal(*databases)

    assert "the table invoices is not part of the schema, and would stay behind; --exclude invoices says" in told
    assert refusal(*databases, exclude=["invoices"]) is None
    assert refusal(*databases, tables=["users"]) is None


def test_a_table_that_only_the_target_has_and_one_that_is_known_to_be_left_over_do_not_matter(
    refusal, initialised, run
):
    databases = [initialised("sqlite"), initialised("sqlite")]
    run(databases[0], "CREATE TABLE apscheduler_jobs (id INTEGER PRIMARY KEY)")
    run(databases[1], "CREATE TABLE invoices (id INTEGER PRIMARY KEY)")

    assert refusal(*databases) is None


def test_an_excluded_table_that_is_nowhere_is_a_slip(pair, initialised):
    told = "--exclude invoises: neither the metadata nor the source"
    databases = initialised("sqlite"), initialised("sqlite")

    with pair(*databases) as (source, target), pytest.raises(SelectionError, match=told):
        checks.ensure_ready(source, target, made(exclude=["invoises"]))


def test_many_problems_are_not_all_told(refusal, initialised, run):
    databases = [initialised("sqlite"), initialised("sqlite")]
    run(databases[0], *(f"CREATE TABLE more_{number} (id INTEGER PRIMARY KEY)" for number in range(14)))

    assert "(and 4 more)" in refusal(*databases)
