"""What `init` put into the target makes room, unless somebody has touched it."""

import json

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

from crossfade.revisions import seeds as recorded
from crossfade.transfer import plan, seeds

metadata = MetaData()
kinds = Table(
    "kinds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50)),
    Column("part_of", ForeignKey("kinds.id")),
)
things = Table(
    "things", metadata, Column("id", Integer, primary_key=True), Column("kind", ForeignKey("kinds.id"), nullable=False)
)
PLAN = plan.make(metadata)


@pytest.fixture(params=["sqlite", "postgresql"])
def seeded(request, url, tmp_path, open_database):
    """A database with three kinds that were there from the beginning: fruit, and under it apples and O'Pears."""
    text = url(request.param)
    with open_database(text) as connection:
        metadata.create_all(connection)
        connection.execute(kinds.insert().values(id=1, name="fruit"))
        connection.execute(
            kinds.insert(), [{"id": 2, "name": "apples", "part_of": 1}, {"id": 3, "name": "O'Pears", "part_of": 1}]
        )
        recorded.record(connection, metadata)
    return text


@pytest.fixture
def give_way(drivers):
    """Lets the seeds give way for good, and says how many did."""

    def work(text, *, made=PLAN, commit=True):
        with drivers(text, text) as (_, _, writer, engine):
            gone = dict(seeds.give_way(writer, engine, made))
            writer.commit() if commit else writer.rollback()
        return gone

    return work


def names(run, text):
    return [name for (name,) in run(text, "SELECT name FROM kinds ORDER BY id")]


def test_what_nobody_has_touched_gives_way_and_what_refers_to_it_first(seeded, give_way, run):
    assert give_way(seeded) == {"kinds": 3}
    assert names(run, seeded) == []


def test_to_roll_back_is_to_have_only_asked(seeded, give_way, run):
    assert give_way(seeded, commit=False) == {"kinds": 3}
    assert names(run, seeded) == ["fruit", "apples", "O'Pears"]


def test_what_somebody_has_changed_stays_and_what_it_refers_to(seeded, give_way, run):
    run(seeded, "UPDATE kinds SET name = 'Apples' WHERE id = 2")

    assert give_way(seeded) == {"kinds": 1}
    assert names(run, seeded) == ["fruit", "Apples"]


def test_what_somebody_refers_to_stays_even_from_a_table_that_is_not_carried(seeded, give_way, run):
    run(seeded, "INSERT INTO things VALUES (1, 3)")

    assert give_way(seeded, made=plan.make(metadata, tables=["kinds"])) == {"kinds": 1}
    assert names(run, seeded) == ["fruit", "O'Pears"]


def test_rows_that_came_later_stay(seeded, give_way, run):
    run(seeded, "INSERT INTO kinds VALUES (4, 'wood', NULL)")

    assert give_way(seeded) == {"kinds": 3}
    assert names(run, seeded) == ["wood"]


def test_a_row_that_refers_to_itself_goes_with_itself(seeded, give_way, run, open_database):
    run(seeded, "INSERT INTO kinds VALUES (5, 'self', 5)")
    with open_database(seeded) as connection:
        recorded.table.drop(connection)
        recorded.record(connection, metadata)

    assert give_way(seeded) == {"kinds": 4}


def test_what_gave_way_once_is_forgotten(seeded, give_way, run):
    give_way(seeded)
    run(seeded, "INSERT INTO kinds VALUES (1, 'fruit', NULL)")

    assert give_way(seeded) == {}
    assert names(run, seeded) == ["fruit"]


def test_tables_that_are_not_carried_keep_theirs(seeded, give_way):
    assert give_way(seeded, made=plan.make(metadata, tables=["things"])) == {}


def test_a_database_from_before_there_was_such_a_record_keeps_everything(seeded, give_way, run):
    run(seeded, "DROP TABLE crossfade_seed")

    assert give_way(seeded) == {}
    assert len(names(run, seeded)) == 3


def test_init_takes_down_what_it_seeded(initialised, run):
    made = initialised("sqlite")

    rows = run(made, "SELECT table_name, row_values FROM crossfade_seed")

    assert {name for name, _ in rows} == {"job_categories"}
    assert "'general'" in {json.loads(values)["slug"] for _, values in rows}


def test_a_column_that_came_later_is_no_touch(seeded, give_way, run):
    run(seeded, "ALTER TABLE kinds ADD COLUMN colour VARCHAR(10)")

    assert give_way(seeded) == {"kinds": 3}


def test_nothing_is_taken_down_of_an_empty_database_or_a_huge_table(url, tmp_path, open_database, run, monkeypatch):
    text = url("sqlite")
    with open_database(text) as connection:
        metadata.create_all(connection)
        recorded.record(connection, metadata)
        connection.execute(kinds.insert(), [{"id": number, "name": "x"} for number in range(12)])
        monkeypatch.setattr(recorded, "_MOST_ROWS", 11)
        recorded.record(connection, metadata)

    assert run(text, "SELECT count(*) FROM sqlite_master WHERE name = 'crossfade_seed'") == [(0,)]


def test_a_table_that_no_revision_has_made_yet_is_no_trouble(url, open_database, run):
    text = url("postgresql")
    with open_database(text) as connection:
        kinds.create(connection)
        connection.execute(kinds.insert().values(id=1, name="fruit"))
        recorded.record(connection, metadata)

    assert run(text, "SELECT table_name FROM crossfade_seed") == [("kinds",)]
