"""The tables of the first revision are known without a database, and are the ones that it makes."""

import pytest

from cronjobs import models
from crossfade.errors import RevisionsError
from crossfade.revisions import Revisions, drift

FIRST = """
op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False, index=True),
    sa.Column("rank", sa.Integer, server_default="1"),
)
op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id", ondelete="CASCADE")),
    sa.UniqueConstraint("author_id"),
)
op.create_index("ux_books_author", "books", ["author_id", "id"], unique=True)
"""


def test_it_is_what_the_first_revision_makes(connection, package):
    revisions = Revisions(package(FIRST, 'op.add_column("books", sa.Column("title", sa.Text))'))
    revisions.upgrade(connection, "0001")

    assert drift(connection, revisions.baseline(connection.dialect)) == []


def test_a_later_revision_is_not_in_it(connection, package):
    revisions = Revisions(package(FIRST, 'op.add_column("books", sa.Column("title", sa.Text))'))
    revisions.upgrade(connection)

    assert drift(connection, revisions.baseline(connection.dialect)) == [
        "the column books.title is not part of the schema"
    ]


def test_a_first_revision_that_writes_rows_is_no_baseline(connection, package):
    revisions = Revisions(package('op.execute("DELETE FROM authors")'))

    with pytest.raises(RevisionsError, match="more than make tables and indexes: DELETE FROM authors"):
        revisions.baseline(connection.dialect)


def test_the_legacy_schema_has_the_nine_tables_of_the_contract(connection):
    baseline = Revisions("cronjobs.revisions").baseline(connection.dialect)

    assert baseline.tables.keys() == {
        "users",
        "jobs",
        "job_executions",
        "notifications",
        "job_categories",
        "pic_teams",
        "slack_settings",
        "user_notification_preferences",
        "user_ui_preferences",
    }
    assert not [column for table in baseline.tables.values() for column in table.columns if column.server_default]


def test_every_later_revision_of_the_application_only_adds(connection):
    """What the legacy code reads and writes is there at every step, as it was."""
    revisions = Revisions("cronjobs.revisions")
    baseline = revisions.baseline(connection.dialect)

    for step in revisions.steps:
        revisions.upgrade(connection, step.revision)
        added = drift(connection, baseline)

        assert all(sentence.endswith("is not part of the schema") for sentence in added), added
    assert drift(connection, models.metadata) == []


def test_files_are_named_by_their_revision_and_phase():
    for step in Revisions("cronjobs.revisions").steps:
        assert step.file.startswith((f"{step.revision}_pre_", f"{step.revision}_post_"))
