"""A proof finds each of 200 changes that were made to one side, names it rightly, and finds nothing else."""

from random import Random

import pytest

_EACH = 50


@pytest.fixture
def expected(zoo):
    """What a proof should say of a change to the source or to the target."""

    def make(mutation, side):
        gone, came = ("missing", "extra") if side == "target" else ("extra", "missing")
        row = mutation.before or mutation.after
        change = gone if mutation.after is None else came if mutation.before is None else "changed"
        key = {
            column.name: row[column.name].hex if hasattr(row[column.name], "hex") else str(row[column.name])
            for column in mutation.table.primary_key
        }
        return mutation.table.fullname, key, change, mutation.columns

    return make


def test_equal_databases_are_said_to_be_equal(engines, zoos, zoo):
    report = zoos(*engines).verify()

    assert report.ok
    assert report.differences == []
    assert {one.table: (one.source_rows, one.target_rows) for one in report.tables} == {
        name: (len(rows), len(rows)) for name, rows in zoo.rows().items()
    }


def test_each_change_is_found_and_named_and_nothing_else(engines, zoos, zoo, expected):
    pair, rows, random = zoos(*engines), zoo.rows(), Random(f"{engines}")

    for number in range(_EACH):
        done = zoo.mutations(random, rows)
        side = random.choice(("source", "target"))
        on = getattr(pair, side)
        for one in done:
            one.apply(on)

        found = pair.found()

        assert sorted(found, key=repr) == sorted((expected(one, side) for one in done), key=repr), (number, done)
        for one in done:
            one.revert(on)
    assert pair.verify().ok
