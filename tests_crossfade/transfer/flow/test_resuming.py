"""What an unfinished copy allows: to be finished, or to be given up."""

import json
from contextlib import contextmanager
from itertools import islice

import pytest

from crossfade.errors import CopyFailedError, CopyRunningError, CopyUnfinishedError, TargetChangedError
from crossfade.transfer import loading, writers
from crossfade.transfer.reports import Silence

ENGINES = ["sqlite", "postgresql"]


class Stop(Silence):
    """Stops a copy, as Ctrl-C would, when so many rows of a table are committed."""

    def __init__(self, table, rows):
        self._table, self._left = table, rows

    def advanced(self, phase, table, rows):
        if phase == "copy" and table == self._table:
            self._left -= rows
            if self._left <= 0:
                raise KeyboardInterrupt


def other(engine):
    """A source that is read in batches."""
    return "postgresql" if engine == "sqlite" else "sqlite"


@pytest.fixture(params=ENGINES)
def half(request, database, shop, carry):
    """Source and target of a copy that was stopped among the orders."""
    source, target = database(other(request.param)), database(request.param)
    shop.fill(source, many=300)
    with pytest.raises(KeyboardInterrupt):
        carry(source, target, batch=50, listener=Stop("orders", 100))
    return source, target


def test_what_was_committed_before_an_interruption_stays_and_is_not_copied_again(half, shop, carry):
    source, target = half
    before = len(shop.rows(target)["orders"])
    arrived = []

    class Watch(Silence):
        def advanced(self, phase, table, rows):
            if (phase, table) == ("copy", "orders"):
                arrived.append(rows)

    report = carry(source, target, batch=50, listener=Watch())

    assert before == 100
    assert report.ok
    assert report.resumed
    # What was there is told first, so that a bar stands where it stood.
    assert arrived == [100, 50, 50, 50, 50]
    assert shop.rows(target) == shop.rows(source)


def test_rows_that_the_source_lost_meanwhile_are_put_aside(half, shop, carry):
    source, target = half
    with shop.opened(source) as connection:
        shop.run(connection, "UPDATE orders SET replaces = NULL")
        shop.run(connection, 'DELETE FROM "order lines" WHERE order_id <= 3')
        shop.run(connection, "DELETE FROM orders WHERE id <= 3")

    report = carry(source, target, batch=50)

    assert report.ok
    assert shop.rows(target) == shop.rows(source)
    with shop.opened(target) as connection:
        kept = shop.run(connection, "SELECT row_key FROM crossfade_quarantine WHERE table_name = 'orders' ORDER BY 1")
    # Which row it was is told in the words of the engine that it was in.
    assert [int(json.loads(key)["id"]) for (key,) in kept] == [1, 2, 3]


def test_rows_that_moved_in_the_source_meanwhile_come_once_and_nothing_begins_anew(database, shop, carry):
    source, target = database("postgresql"), database("postgresql")
    shop.fill(source, many=300)
    with pytest.raises(KeyboardInterrupt):
        carry(source, target, batch=50, listener=Stop("orders", 100))
    with shop.opened(source) as connection:
        # PostgreSQL writes a changed row anew, behind all others.
        shop.run(connection, "UPDATE orders SET amount = amount + 1 WHERE id <= 20")
    arrived = []

    class Watch(Silence):
        def advanced(self, phase, table, rows):
            if (phase, table) == ("copy", "orders"):
                arrived.append(rows)

    report = carry(source, target, batch=50, listener=Watch())

    assert report.ok
    assert arrived == [100, 50, 50, 50, 50, 20]
    assert shop.rows(target) == shop.rows(source)


@pytest.mark.parametrize("statement", ["VACUUM", "REPLACE INTO customers SELECT * FROM customers WHERE rowid % 2"])
def test_rows_of_a_file_that_have_other_numbers_meanwhile_come_once(database, shop, carry, statement):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=300)
    with shop.opened(source) as connection:
        shop.run(connection, "UPDATE orders SET customer_id = (SELECT id FROM customers WHERE rowid = 20)")
        shop.run(connection, "DELETE FROM customers WHERE rowid <= 5")
    with pytest.raises(KeyboardInterrupt):
        carry(source, target, batch=10, listener=Stop("customers", 10))
    with shop.opened(source) as connection:
        shop.run(connection, statement)

    assert carry(source, target, batch=10).ok

    assert shop.rows(target) == shop.rows(source)


def test_another_selection_is_refused_while_a_copy_is_unfinished(half, shop, carry):
    source, target = half
    before = shop.rows(target)

    with pytest.raises(CopyUnfinishedError, match=r"accounts, customers.* --restart"):
        carry(source, target, tables=["accounts"])

    assert shop.rows(target) == before


def test_another_source_is_refused_while_a_copy_is_unfinished(half, database, shop, carry):
    _, target = half

    with pytest.raises(CopyUnfinishedError):
        carry(database("sqlite"), target)


def test_restart_takes_out_what_was_copied_and_begins_anew(half, database, shop, carry):
    source, target = half
    with shop.opened(source) as connection:
        shop.run(connection, "UPDATE customers SET name = 'new ' || name")

    report = carry(source, target, resume="restart")

    assert report.ok
    assert not report.resumed
    assert shop.rows(target) == shop.rows(source)
    assert shop.definitions(target) == shop.definitions(database(_engine(target)))


def test_restart_with_fewer_tables_leaves_the_others_empty_and_brings_all_definitions_back(half, database, shop, carry):
    source, target = half

    report = carry(source, target, tables=["accounts"], resume="restart")

    assert report.ok
    there = shop.rows(target)
    assert len(there.pop("accounts")) == 10
    assert not any(there.values())
    assert shop.definitions(target) == shop.definitions(database(_engine(target)))


@pytest.mark.parametrize("resume", ["auto", "restart"])
def test_rows_that_somebody_else_wrote_meanwhile_are_neither_changed_nor_deleted(half, shop, carry, resume):
    source, target = half
    with shop.opened(target) as connection:
        shop.own(connection)
    before = shop.rows(target)

    with pytest.raises(TargetChangedError, match="customers"):
        carry(source, target, resume=resume)

    assert shop.rows(target) == before


def test_a_table_that_somebody_emptied_meanwhile_is_filled_from_its_beginning(half, shop, carry):
    source, target = half
    with shop.opened(target) as connection:
        shop.run(connection, "DELETE FROM orders")

    assert carry(source, target).ok

    assert shop.rows(target) == shop.rows(source)


def test_unique_values_that_changed_places_meanwhile_are_right(half, shop, carry, chance):
    source, target = half
    with shop.opened(source) as connection:
        names = shop.run(connection, "SELECT id, name, email FROM customers ORDER BY id")
        shop.run(connection, "UPDATE customers SET name = 'x' || name, email = 'x' || email")
        turned = [*names[1:], names[0]]
        for (identity, _, _), (_, name, email) in zip(names, turned, strict=True):
            shop.run(connection, "UPDATE customers SET name = ?, email = ? WHERE id = ?", name, email, identity)

    assert carry(source, target).ok

    assert shop.rows(target) == shop.rows(source)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_copy_into_the_same_target_is_refused(engine, database, end, shop, carry, monkeypatch):
    monkeypatch.setattr(writers, "_PATIENCE", 0.1)
    source, target = database(other(engine)), database(engine)
    shop.fill(source, many=20)

    with writers.writer(end("target", target)), pytest.raises(CopyRunningError):
        carry(source, target)

    assert not any(shop.rows(target).values())
    assert carry(source, target).ok


def _engine(url):
    return url.partition(":")[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_whose_tail_did_not_come_fails_the_copy_also_without_a_proof(
    engine, database, shop, carry, monkeypatch
):
    source, target = database(other(engine)), database(engine)
    shop.fill(source, many=300)
    whole = loading.batches

    @contextmanager
    def cut(*arguments, **options):
        with whole(*arguments, **options) as arriving:
            yield islice(arriving, 2)

    with monkeypatch.context() as patch:
        patch.setattr(loading, "batches", cut)
        with pytest.raises(CopyFailedError, match="6 rows came, but the picture of the source has 10"):
            carry(source, target, tables=["accounts"], batch=3, verify=False)

    assert carry(source, target, tables=["accounts"]).ok
    assert shop.rows(target)["accounts"] == shop.rows(source)["accounts"]


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_a_table_that_was_empty_when_it_was_copied_come_too(engine, database, shop, carry):
    source, target = database(other(engine)), database(engine)
    shop.fill(source, many=300)
    with shop.opened(source) as connection:
        for table in ("accounts", "visits"):
            shop.run(connection, f"DELETE FROM {table}")
    with pytest.raises(KeyboardInterrupt):
        carry(source, target, batch=3, listener=Stop("vaults", 3))
    with shop.opened(source) as connection:
        shop.run(connection, "INSERT INTO accounts VALUES (1, 1)")
        shop.run(connection, "INSERT INTO visits VALUES ('2026-01-01 00:00:00.000000', 'late')")

    assert carry(source, target).ok

    assert shop.rows(target) == shop.rows(source)


def test_a_row_that_took_the_unique_values_of_one_that_is_gone_is_right(half, shop, carry):
    source, target = half
    with shop.opened(source) as connection:
        gone = shop.run(connection, "SELECT customer_id FROM orders WHERE id = 1")[0][0]
        heir, other = (row[0] for row in shop.run(connection, "SELECT id FROM customers WHERE id <> ? LIMIT 2", gone))
        name, email = shop.run(connection, "SELECT name, email FROM customers WHERE id = ?", gone)[0]
        # While its orders are still the target's, the one that is gone can't leave it.
        shop.run(connection, "UPDATE orders SET customer_id = ? WHERE customer_id = ?", other, gone)
        shop.run(connection, "DELETE FROM customers WHERE id = ?", gone)
        shop.run(connection, "UPDATE customers SET name = ?, email = ? WHERE id = ?", name, email, heir)

    carry(source, target, verify=False)

    assert shop.rows(target) == shop.rows(source)
