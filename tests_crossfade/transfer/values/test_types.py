"""What a type is on each engine: where the two hold the same, values go; where one alone knows it, only at home."""

import pytest
from sqlalchemy import JSON, types
from sqlalchemy.dialects import postgresql, sqlite

from crossfade.transfer.kinds import kind_of

NAIVE = types.DateTime()
UNTRANSLATED = [
    (postgresql.ARRAY(types.Integer), "'{1,NULL,3}'"),
    (postgresql.INET(), "'10.0.0.1/8'"),
    (postgresql.INT4RANGE(), "'[1,5)'"),
    (postgresql.TSVECTOR(), "'a b'"),
    (postgresql.INTERVAL(), "'1 year 2 mons -3 days 04:05:06'"),
    (postgresql.BIT(3), "B'101'"),
    (postgresql.MONEY(), "'12.34'"),
    (NAIVE, "'infinity'"),
    (types.Float(), "'NaN'"),
    (types.Float(), "'-0'"),
    (types.Numeric(), "0.1234567890123456789"),
]


@pytest.mark.parametrize(
    ("type_", "stored"), UNTRANSLATED, ids=[f"{number}-{one!r}" for number, (one, _) in enumerate(UNTRANSLATED)]
)
def test_between_two_of_postgresql_any_value_goes_as_its_text(crossing, type_, stored):
    one = crossing.column("postgresql", type_)
    one.put(stored)
    assert one.faults("postgresql") == []
    before = one.connection.execute("SELECT v::text FROM one").fetchone()
    assert one.kind.portable or one.text == before[0]
    one.take(before[0])
    assert one.connection.execute("SELECT v::text FROM one").fetchone() == before


ALONE = [
    postgresql.ARRAY(types.Integer).with_variant(JSON(), "sqlite"),
    postgresql.HSTORE().with_variant(JSON(), "sqlite"),
    types.DateTime().with_variant(sqlite.DATETIME(storage_format="%(day)02d.%(month)02d.%(year)04d"), "sqlite"),
    types.Date().with_variant(sqlite.DATE(storage_format="%(year)04d-%(day)02d-%(month)02d"), "sqlite"),
    types.DateTime().with_variant(types.Integer(), "sqlite"),
    types.Integer().with_variant(types.String(), "sqlite"),
    types.NullType(),
]


@pytest.mark.parametrize("type_", ALONE, ids=[str(number) for number in range(len(ALONE))])
def test_types_that_do_not_hold_the_same_on_both_engines_are_not_portable(type_):
    kind = kind_of(type_)
    assert not kind.portable
    assert kind.described == repr(type_)
    assert kind.faults("v", source="sqlite", target="sqlite") == ()
    assert kind.text("v", "sqlite") == "v"
    assert kind_of(types.Integer()).described == "integer"
