"""Copies that are killed, again and again, while their source moves on: the end is as if nothing had happened."""

import time

import pytest

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "sqlite")]
_OPTIONS = {"batch": 40, "jobs": 2, "verify": False}
_ROWS = 600
_KILLS = 30


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_copy_that_is_killed_anywhere_ends_as_an_undisturbed_one(
    source_engine, target_engine, database, shop, copies, chance
):
    source, undisturbed = database(source_engine), database(target_engine)
    shop.fill(source, many=_ROWS)
    began = time.monotonic()
    assert copies.whole(source, undisturbed, **_OPTIONS) == 0, copies.complaints
    length = time.monotonic() - began

    kills = 0
    while kills < _KILLS:
        target = database(target_engine)
        while copies.killed(source, target, length * chance.random(), **_OPTIONS):
            kills += 1
            shop.move_on(source, chance)

        assert copies.last == 0, copies.complaints
        assert shop.rows(target) == shop.rows(source)
        assert shop.definitions(target) == shop.definitions(undisturbed)
        assert shop.next_order(target) >= shop.next_order(source)
