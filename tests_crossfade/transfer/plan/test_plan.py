"""Which tables are carried, and in which order."""

import pytest
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, MetaData, Table

from crossfade.errors import SelectionError
from crossfade.transfer import plan
from crossfade.transfer.marks import LOCAL


def metadata_of(*tables, nullable=()):
    """Tables by name, each with the names of those that it refers to: `orders>people,shops`."""
    metadata = MetaData()
    for text in tables:
        name, _, referred = text.partition(">")
        schema, _, bare = name.rpartition(".")
        columns = [
            Column(f"to_{to.replace('.', '_')}", ForeignKey(f"{to}.id"), nullable=f"{name}>{to}" in nullable)
            for to in referred.split(",")
            if to
        ]
        Table(bare, metadata, Column("id", Integer, primary_key=True), *columns, schema=schema or None)
    return metadata


def test_what_others_refer_to_comes_before_them():
    made = plan.make(metadata_of("posts>people,topics", "people>towns", "topics", "towns"))

    assert made.names == ("topics", "towns", "people", "posts")
    assert made.deferred == {}


def test_a_reference_to_the_own_table_is_deferred():
    made = plan.make(metadata_of("people>people"))

    assert made.names == ("people",)
    assert [one.columns for one in made.deferred["people"]] == [("to_people",)]


def test_a_circle_is_opened_where_its_rows_can_wait_with_nulls():
    made = plan.make(metadata_of("a>b", "b>c", "c>a", nullable={"b>c"}))

    assert made.names == ("b", "a", "c")
    assert [(name, one.table) for name, found in made.deferred.items() for one in found] == [("b", "c")]


def test_a_circle_without_nulls_is_opened_too():
    made = plan.make(metadata_of("a>b", "b>a"))

    assert made.names == ("a", "b")
    assert [(name, one.table) for name, found in made.deferred.items() for one in found] == [("a", "b")]


def test_a_table_that_waits_for_a_circle_is_not_part_of_it():
    made = plan.make(metadata_of("first>a", "a>b", "b>a,last", "last"))

    assert made.names[:2] == ("last", "a")
    assert made.deferred.keys() == {"a"}


def test_a_table_whose_rows_are_of_one_database_alone_is_left_out_unless_it_is_named():
    metadata = metadata_of("nodes", "people")
    metadata.tables["nodes"].info[LOCAL] = True

    made = plan.make(metadata)

    assert (made.names, made.left_out, made.local) == (("people",), ("nodes",), ("nodes",))
    assert made.notes == [
        "nodes: its rows are of one database alone, so it is left out (--tables names what is wanted)"
    ]
    assert plan.make(metadata, exclude=["nodes"]).notes == []
    named = plan.make(metadata, tables=["nodes"])
    assert (named.names, named.notes) == (("nodes",), [])


def test_a_composite_reference_is_one():
    metadata = MetaData()
    Table("parent", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("px", Integer),
        Column("py", Integer),
        ForeignKeyConstraint(["px", "py"], ["parent.x", "parent.y"]),
    )

    made = plan.make(metadata, tables=["child"])

    (reference,) = made.outside["child"]
    assert (reference.columns, reference.table, reference.to) == (("px", "py"), "parent", ("x", "y"))


def test_every_reference_to_a_table_that_is_left_out_is_known():
    made = plan.make(metadata_of("posts>people,topics", "people", "topics"), tables=["posts", "people"])

    assert made.names == ("people", "posts")
    assert [one.table for one in made.outside["posts"]] == ["topics"]
    assert made.left_out == ("topics",)


def test_parents_come_along_when_asked_for_through_others_too():
    made = plan.make(metadata_of("posts>people", "people>towns", "towns", "alone"), tables=["posts"], with_parents=True)

    assert made.names == ("towns", "people", "posts")
    assert made.outside == {}


def test_a_parent_that_is_excluded_stays_behind():
    made = plan.make(metadata_of("posts>people", "people"), tables=["posts"], exclude=["people"], with_parents=True)

    assert made.names == ("posts",)
    assert made.outside.keys() == {"posts"}


def test_a_table_of_a_schema_goes_by_both_names():
    metadata = metadata_of("audit.events", "people")

    assert plan.make(metadata, tables=["events"]).names == ("audit.events",)
    assert plan.make(metadata, tables=["audit.events"]).names == ("audit.events",)


@pytest.mark.parametrize(
    ("tables", "exclude", "told"),
    [
        (["peoples"], [], "--tables peoples: the metadata has no such table; did you mean people?"),
        (["nothing"], [], "there are a.logs, b.logs, people"),
        (["logs"], [], "--tables logs: there are a.logs and b.logs; write which one"),
        (["people"], ["people"], "people can't be asked for and excluded at once"),
        (None, ["people", "a.logs", "b.logs"], "no table is left"),
    ],
)
def test_a_selection_that_can_not_be_meant_is_refused(tables, exclude, told):
    metadata = metadata_of("people", "a.logs", "b.logs")

    with pytest.raises(SelectionError, match=told.replace("?", r"\?")):
        plan.make(metadata, tables=tables, exclude=exclude)


def test_the_order_does_not_depend_on_the_order_of_the_selection():
    metadata = metadata_of("posts>people", "people", "topics")

    one = plan.make(metadata, tables=["posts", "people", "topics"])
    other = plan.make(metadata, tables=["topics", "posts", "people"])

    assert one.names == other.names
    assert one.selection == other.selection == "people,posts,topics"


def test_a_table_is_found_by_its_name():
    made = plan.make(metadata_of("people", "posts>people"))

    assert made.shape("posts").name == "posts"
    assert [(table.name, one.columns) for table, one in made.referring("people")] == [("posts", ("to_people",))]
    with pytest.raises(KeyError):
        made.shape("nothing")


def test_hundreds_of_tables_in_a_ring_are_no_trouble():
    ring = [f"t{number}>t{(number + 1) % 200}" for number in range(200)]

    made = plan.make(metadata_of(*ring))

    assert len(made.names) == 200
    assert sum(map(len, made.deferred.values())) == 1
