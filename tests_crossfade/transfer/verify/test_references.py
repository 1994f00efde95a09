"""Rows that refer to nothing are found on either side, whether the database knows of the reference or not."""

import pytest
from sqlalchemy import text


def orphaned(pair, role):
    """Makes rows of one side refer to nothing."""
    engine = getattr(pair, role)
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if not sqlite:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE tree SET parent = 999 WHERE id = 5"))
        connection.execute(text("""UPDATE parts SET "group" = 3, "select" = 'nowhere' WHERE id = 7"""))


@pytest.mark.parametrize("role", ["source", "target"])
def test_rows_of_one_side_that_refer_to_nothing_are_named(engines, zoos, role):
    pair = zoos(*engines)
    orphaned(pair, role)

    report = pair.verify()

    assert not report.ok
    assert [(one.side, one.table, one.key, one.columns, one.refers_to) for one in report.orphans] == [
        (role, "parts", {"id": "7"}, ("group", "select"), "order"),
        (role, "tree", {"id": "5"}, ("parent",), "tree"),
    ]


def test_rows_of_both_sides_are_named_for_both_though_the_databases_are_equal(engines, zoos):
    pair = zoos(*engines)
    for role in ("source", "target"):
        orphaned(pair, role)

    report = pair.verify()

    assert not report.ok
    assert report.differences == []
    assert sorted((one.side, one.table) for one in report.orphans) == [
        ("source", "parts"),
        ("source", "tree"),
        ("target", "parts"),
        ("target", "tree"),
    ]


def test_a_constraint_that_was_never_validated_proves_nothing(zoos):
    pair = zoos("sqlite", "postgresql")
    with pair.target.begin() as connection:
        connection.execute(text("ALTER TABLE tree DROP CONSTRAINT tree_parent_fkey"))
        connection.execute(text("UPDATE tree SET parent = 999 WHERE id = 5"))
        connection.execute(
            text("ALTER TABLE tree ADD CONSTRAINT tree_parent_fkey FOREIGN KEY (parent) REFERENCES tree NOT VALID")
        )

    assert [(one.side, one.key) for one in pair.verify().orphans] == [("target", {"id": "5"})]


def test_a_reference_to_a_table_that_is_left_out_is_looked_at_too(engines, zoos):
    pair = zoos(*engines)
    orphaned(pair, "target")

    assert [(one.side, one.table) for one in pair.verify("parts").orphans] == [("target", "parts")]


def test_no_more_than_a_hundred_are_named_of_each_side(zoos):
    pair = zoos("sqlite", "sqlite")
    for engine in (pair.source, pair.target):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                    " INSERT INTO tree (id, parent, name, rank) SELECT i, i + 5000, 'x' || i, 0 FROM n"
                )
            )

    assert [one.side for one in pair.verify().orphans] == ["source"] * 100 + ["target"] * 100
