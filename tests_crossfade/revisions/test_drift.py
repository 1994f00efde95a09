"""Every way in which a database can differ from its models is found, and nothing else."""

import pytest
from sqlalchemy import (
    DOUBLE_PRECISION,
    UUID,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.schema import CreateSchema

from crossfade.revisions import drift


def authors(*columns, **options):
    metadata = MetaData()
    Table("authors", metadata, Column("id", Integer, primary_key=True), *columns, **options)
    return metadata


def test_what_the_models_made_does_not_differ_from_them(connection):
    metadata = authors(
        Column("name", String(80), nullable=False, server_default="nobody's"),
        Column("rank", Integer, nullable=False, server_default="1"),
        Column("score", Float, server_default=text("0.5")),
        Column("price", Numeric(10, 2)),
        Column("retired", Boolean, nullable=False, server_default=false()),
        Column("bio", Text),
        Column("born", DateTime, server_default=func.current_timestamp()),
        Column("parent_id", Integer, ForeignKey("authors.id", ondelete="SET NULL")),
        UniqueConstraint("name", "rank"),
    )
    Index("ix_authors_bio", metadata.tables["authors"].c.bio)
    Index("ux_authors_born", metadata.tables["authors"].c.born, unique=True)
    metadata.create_all(connection)

    assert drift(connection, metadata) == []


def test_an_index_over_an_expression_is_left_out_without_a_warning(connection):
    metadata = authors(Column("name", String(80)))
    metadata.create_all(connection)
    Index("ix_authors_lower", func.lower(metadata.tables["authors"].c.name))
    before = drift(connection, metadata)
    next(iter(metadata.tables["authors"].indexes)).create(connection)
    after = drift(connection, metadata)

    assert (before, after) == ([], [])
    assert drift(connection, authors(Column("name", String(80)))) == []


def test_a_key_to_a_table_with_a_quote_in_its_name_is_no_difference_and_no_warning(connection):
    metadata = MetaData()
    Table('quo"ted', metadata, Column("id", Integer, primary_key=True))
    Table("readers", metadata, Column("quoted_id", ForeignKey('quo"ted.id')))
    metadata.create_all(connection)

    assert drift(connection, metadata) == []


@pytest.mark.parametrize(
    ("actual", "expected", "sentence"),
    [
        (Column("a", String(20)), Column("a", String(30)), "authors.a is VARCHAR(20), not VARCHAR(30)"),
        (Column("a", String(20)), Column("a", Text), "authors.a is VARCHAR(20), not TEXT"),
        (Column("a", Integer), Column("a", Integer, nullable=False), "authors.a may be null, but must not"),
        (
            Column("a", Integer, nullable=False),
            Column("a", Integer),
            "authors.a may not be null, but must be allowed to",
        ),
        (
            Column("a", Integer, server_default="1"),
            Column("a", Integer, server_default="2"),
            "authors.a has the default",
        ),
        (Column("a", Integer, server_default="1"), Column("a", Integer), "authors.a has the default"),
        (Column("a", Integer), Column("a", Integer, server_default="1"), "authors.a has no default, but must have"),
        (Column("b", Integer), Column("a", Integer), "the column authors.a is missing"),
        (
            Column("a", Integer),
            Column("a", Integer, primary_key=True),
            "the primary key of authors is (id), not (id",
        ),
        (
            Column("a", Integer),
            Column("a", Integer, ForeignKey("authors.id")),
            "authors lacks the foreign key (a) → authors (id)",
        ),
        (
            Column("a", Integer, ForeignKey("authors.id", ondelete="CASCADE")),
            Column("a", Integer, ForeignKey("authors.id")),
            "the foreign key (a) → authors (id) ON DELETE CASCADE of authors is not part of the schema",
        ),
        (
            Column("a", Integer, unique=True),
            Column("a", Integer),
            "the unique constraint of authors on (a) is not part of the schema",
        ),
        (Column("a", Integer), Column("a", Integer, unique=True), "authors lacks the unique constraint on (a)"),
        (
            Column("a", Integer, index=True, unique=True),
            Column("a", Integer, index=True),
            "ix_authors_a of authors is an unique index on (a), not an index on (a)",
        ),
        (
            Column("a", Integer, index=True),
            Column("a", Integer),
            "the index on (a) ix_authors_a of authors is not part of the schema",
        ),
    ],
)
def test_a_difference_is_told(connection, actual, expected, sentence):
    authors(actual._copy()).create_all(connection)

    found = drift(connection, authors(expected._copy()))

    assert any(one.startswith(sentence) for one in found), found


def test_tables_that_are_missing_or_too_many_are_told(connection):
    Table("strangers", MetaData(), Column("id", Integer, primary_key=True)).create(connection)

    assert drift(connection, authors()) == [
        "the table authors is missing",
        "the table strangers is not part of the schema",
    ]


def test_bookkeeping_and_what_the_caller_ignores_are_no_drift(connection):
    authors().create_all(connection)
    for name in ("alembic_version", "crossfade_stamp", "leftover"):
        Table(name, MetaData(), Column("id", Integer, primary_key=True)).create(connection)

    assert drift(connection, authors(), ignored={"leftover"}) == []


def test_the_order_of_columns_is_no_drift(connection):
    authors(Column("a", Integer), Column("b", Integer)).create_all(connection)

    assert drift(connection, authors(Column("b", Integer), Column("a", Integer))) == []


def test_a_type_that_the_database_writes_in_another_way_is_no_drift(connection):
    metadata = authors(Column("mark", UUID()), Column("size", Float(24)), Column("weight", DOUBLE_PRECISION()))
    metadata.create_all(connection)

    assert drift(connection, metadata) == []


def test_a_table_is_looked_for_where_its_schema_says(connection):
    metadata = MetaData()
    Table("events", metadata, Column("id", Integer, primary_key=True), Column("said", String(10)), schema="audit")
    if connection.dialect.name == "postgresql":
        assert drift(connection, metadata) == ["the table audit.events is missing"]
        connection.execute(CreateSchema("audit"))
        metadata.create_all(connection)
        Table("others", MetaData(), Column("id", Integer, primary_key=True), schema="audit").create(connection)
        assert drift(connection, metadata) == ["the table audit.others is not part of the schema"]
        return
    # SQLite knows no schemas.
    assert drift(connection, metadata) == ["the table events is missing"]
    metadata.tables["audit.events"].to_metadata(MetaData(), schema=None).create(connection)
    assert drift(connection, metadata) == []


def test_what_is_for_one_kind_of_database_alone_is_looked_for_there_alone(connection):
    metadata = authors(
        Column("a", Integer),
        UniqueConstraint("a", name="together").ddl_if(dialect="postgresql"),
        Index("together", "a", unique=True).ddl_if(dialect="sqlite"),
    )
    metadata.create_all(connection)

    assert drift(connection, metadata) == []


def test_a_unique_text_is_seen_however_its_table_was_written(connection):
    connection.exec_driver_sql('CREATE TABLE "authors" ("id" integer PRIMARY KEY, "name" varchar(150) NOT NULL UNIQUE)')

    assert drift(connection, authors(Column("name", String(150), nullable=False, unique=True))) == []
