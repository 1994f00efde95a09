"""The number of the next new row, after a copy."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Sequence, SmallInteger, Table, create_engine, make_url, text

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "sqlite")]


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_new_row_gets_the_number_that_the_source_would_have_given(
    source_engine, target_engine, database, shop, carry
):
    source, target = database(source_engine), database(target_engine)
    shop.fill(source, many=30)
    with shop.opened(source) as connection:
        person = shop.run(connection, "SELECT id FROM customers")[0][0]
        # A number that was given away and whose row is gone isn't given again.
        shop.run(connection, "INSERT INTO orders (customer_id, amount) VALUES (?, 1)", person)
        shop.run(connection, "DELETE FROM orders WHERE id > 30")

    assert carry(source, target).ok

    assert shop.next_order(source) == 32
    assert shop.next_order(target) == 32


def test_a_target_that_has_numbered_further_goes_on_from_there(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=30)
    with shop.opened(target) as connection:
        shop.run(connection, "SELECT setval('orders_id_seq', 700)")

    assert carry(source, target).ok

    assert shop.next_order(target) == 701


def test_sequences_that_only_the_application_knows_stand_right_too(empty, shop, carry):
    metadata = MetaData()
    Table("a", metadata, Column("id", Integer, Sequence("own numbers"), primary_key=True))
    Table("b", metadata, Column("id", Integer, Sequence("own numbers"), primary_key=True))
    source, target = empty("postgresql"), empty("postgresql")
    _create(metadata, source, target)
    with shop.opened(source) as connection:
        shop.run(connection, "INSERT INTO a VALUES (5); INSERT INTO b VALUES (9)")

    assert carry(source, target, metadata=metadata).ok

    with shop.opened(target) as connection:
        assert shop.run(connection, "SELECT nextval('\"own numbers\"')") == [(10,)]


def test_a_sequence_that_ends_before_the_rows_is_told_of(empty, shop, carry):
    metadata = MetaData()
    Table("a", metadata, Column("id", Integer, primary_key=True), Column("small", SmallInteger))
    source, target = empty("sqlite"), empty("postgresql")
    _create(metadata, source, target)
    with shop.opened(source) as connection:
        shop.run(connection, "INSERT INTO a VALUES (2000, 1)")
    with shop.opened(target) as connection:
        shop.run(connection, "ALTER SEQUENCE a_id_seq MAXVALUE 100")

    report = carry(source, target, metadata=metadata)

    assert report.ok
    assert report.notes == ["a_id_seq can't number past 2000, which a.id has"]


def _create(metadata, *urls):
    for url in urls:
        engine = create_engine(make_url(url).set(drivername="sqlite" if "sqlite" in url else "postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            metadata.create_all(connection)
        engine.dispose()
