"""Rows that would refer to nothing are counted before anything is copied."""

import pytest
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, LargeBinary, MetaData, String, Table, Uuid

from crossfade.errors import DanglingError
from crossfade.transfer import dangling, plan

metadata = MetaData()
Table("people", metadata, Column("id", String(50), primary_key=True))
Table("towns", metadata, Column("zip", Integer, primary_key=True), Column("part", Uuid, primary_key=True))
Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("by", ForeignKey("people.id")),
    Column("zip", Integer),
    Column("part", Uuid),
    Column("blob", LargeBinary),
    ForeignKeyConstraint(["zip", "part"], ["towns.zip", "towns.part"]),
)
PART = "00112233445566778899aabbccddeeff"


@pytest.fixture(params=[("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "sqlite")], ids=str)
def databases(request, url, tmp_path):
    made = []
    for engine in request.param:
        text = url(engine)
        with request.getfixturevalue("open_database")(text) as connection:
            metadata.create_all(connection)
        made.append(text)
    return made


@pytest.fixture
def ask(drivers, databases):
    def refused(**selection):
        with drivers(*databases) as connections:
            try:
                dangling.ensure_none(plan.make(metadata, **selection), *connections)
            except DanglingError as error:
                return str(error)
        return None

    return refused


def test_nothing_dangles_in_a_whole_copy(ask, databases, run):
    run(databases[0], "INSERT INTO people VALUES ('p1')", "INSERT INTO orders (id, by) VALUES (1, 'p1')")

    assert ask() is None
    assert ask(tables=["orders"], with_parents=True) is None


def test_rows_without_their_parents_are_counted_with_examples_and_the_way_out(ask, databases, run):
    run(databases[0], "INSERT INTO people VALUES ('p1'), ('p2')")
    run(databases[0], "INSERT INTO orders (id, by) VALUES (1, 'p1'), (2, 'p2'), (3, 'p2'), (4, NULL)")
    run(databases[1], "INSERT INTO people VALUES ('p1')")

    told = ask(tables=["orders"])

    assert "2 rows of orders by by to people (p2, …)" in told
    assert "Copy people too: --with-parents does." in told


def test_parents_that_the_target_has_are_enough(ask, databases, run):
    odd = "'p''1 \"%?\\'"
    run(databases[0], f"INSERT INTO people VALUES ({odd})", f"INSERT INTO orders (id, by) VALUES (1, {odd})")
    run(databases[1], f"INSERT INTO people VALUES ({odd})")

    assert ask(tables=["orders"]) is None


def test_a_composite_reference_is_looked_up_as_one(ask, databases, run):
    part = f"'{PART}'"
    run(databases[0], f"INSERT INTO towns VALUES (1, {part}), (2, {part})")
    run(databases[0], f"INSERT INTO orders (id, zip, part) VALUES (1, 1, {part}), (2, 2, {part}), (3, 3, NULL)")
    run(databases[1], f"INSERT INTO towns VALUES (2, {part})")

    assert f"1 row of orders by zip, part to towns (1 / {PART})" in ask(tables=["orders"])


def test_a_parent_that_is_excluded_is_named(ask, databases, run):
    run(databases[0], "INSERT INTO people VALUES ('p1')", "INSERT INTO orders (id, by) VALUES (1, 'p1')")

    assert "Copy people too instead of excluding it." in ask(exclude=["people"])


def test_thousands_of_references_are_asked_for_in_chunks(ask, databases, run):
    people = ", ".join(f"('p{number}')" for number in range(5000))
    orders = ", ".join(f"({number}, 'p{number // 2}')" for number in range(10_000))
    run(databases[0], f"INSERT INTO people VALUES {people}", f"INSERT INTO orders (id, by) VALUES {orders}")
    run(databases[1], f"INSERT INTO people VALUES {people}", "DELETE FROM people WHERE id IN ('p7', 'p4999')")

    told = ask(tables=["orders"])

    assert told.startswith("Nothing was copied, because rows would refer to others that the target doesn't have: 4 row")


def test_a_reference_that_no_text_can_be_is_one_that_dangles(drivers, url, tmp_path, open_database):
    made = []
    for _ in range(2):
        made.append(url("sqlite"))
        with open_database(made[-1]) as connection:
            metadata.create_all(connection)
    with open_database(made[0]) as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("INSERT INTO orders (id, by) VALUES (1, CAST(x'61ff' AS TEXT)), (2, 'a' || char(0))")

    with drivers(*made) as connections, pytest.raises(DanglingError, match="2 rows of orders"):
        dangling.ensure_none(plan.make(metadata, tables=["orders"]), *connections)
