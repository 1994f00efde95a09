"""What is known of a table before a database is asked."""

import pytest
from sqlalchemy import (
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
)

from crossfade.transfer.shapes import Reference, quoted, shape_of

metadata = MetaData()
Table("owners", metadata, Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))
orders = Table(
    "order",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), unique=True, nullable=False),
    Column("code", String(20)),
    Column("slug", String(20), index=True, unique=True),
    Column("doubled", Integer, Computed("id * 2")),
    Column("y", Integer),
    Column("x", Integer),
    Column("parent", ForeignKey("sales.order.id")),
    UniqueConstraint("x", "y"),
    ForeignKeyConstraint(["x", "y"], ["owners.a", "owners.b"]),
    schema="sales",
)
Index("ux_lower", func.lower(orders.c.code), unique=True)
Index("ux_some", orders.c.code, unique=True, postgresql_where=orders.c.x > 1, sqlite_where=orders.c.x > 1)
Index("ix_code", orders.c.code)
SHAPE = shape_of(orders)


def test_computed_columns_are_not_carried():
    assert [one.name for one in SHAPE.columns] == ["id", "name", "code", "slug", "y", "x", "parent"]
    assert [one.name for one in SHAPE.columns if not one.nullable] == ["id", "name"]
    assert (SHAPE.key, [one.name for one in SHAPE.key_columns]) == (("id",), ["id"])


def test_only_what_is_unique_by_its_columns_in_all_rows_counts_as_unique():
    assert SHAPE.uniques == (("name",), ("slug",), ("x", "y"))


def test_references_come_in_the_same_order_each_time():
    assert SHAPE.references == (
        Reference(("parent",), "sales.order", ("id",)),
        Reference(("x", "y"), "owners", ("a", "b")),
    )


def test_a_table_of_a_schema_has_its_bare_name_on_sqlite():
    assert (SHAPE.name, SHAPE.at("sqlite"), SHAPE.at("postgresql")) == ("sales.order", '"order"', '"sales"."order"')
    assert shape_of(metadata.tables["owners"]).at("postgresql") == '"owners"'


def test_names_are_quoted_whatever_is_in_them():
    assert quoted('a"b') == '"a""b"'
    assert SHAPE.column("y").quoted == '"y"'


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(KeyError, match=r"sales\.order\.doubled"):
        SHAPE.column("doubled")
