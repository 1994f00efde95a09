"""Whatever is in a column: it arrives with the same meaning, or there is a fault that names what is wrong with it."""

import json
import math
import struct
import uuid
from datetime import UTC, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, types
from sqlalchemy.dialects import postgresql

from crossfade.transfer.kinds.numbers import float_text

JSONB = JSON().with_variant(postgresql.JSONB(), "postgresql")
TYPES = {
    "instant": types.DateTime(),
    "aware instant": types.DateTime(timezone=True),
    "date": types.Date(),
    "time": types.Time(),
    "interval": types.Interval(),
    "boolean": types.Boolean(),
    "small integer": types.SmallInteger(),
    "integer": types.Integer(),
    "big integer": types.BigInteger(),
    "float": types.Float(),
    "small float": types.Float(24),
    "money": types.Numeric(10, 2),
    "decimal": types.Numeric(),
    "written decimal": types.Numeric().with_variant(types.String(50), "sqlite"),
    "text": types.Text(),
    "string": types.String(5),
    "fixed": types.CHAR(5),
    "binary": types.LargeBinary(),
    "uuid": types.Uuid(),
    "foreign uuid": types.UUID(),
    "enum": types.Enum("red", "green", name="colour"),
    "json": types.JSON(),
    "json as text": types.JSON().with_variant(types.Text(), "sqlite"),
    "jsonb": JSONB,
}
EXAMPLES = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
moments = st.datetimes().map(lambda one: one.isoformat(" ", "microseconds"))
odd_moments = st.builds(
    lambda one, separator, cut, tail: one.isoformat(separator, "microseconds")[:cut] + tail,
    st.datetimes() | st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(" T"),
    st.sampled_from([10, 13, 16, 19, 21, 23, 26]),
    st.sampled_from(["", "", "0", "1", "Z", "+02:00", "-11:30", " ", "\0"]),
)
words = st.text() | st.text(alphabet="\0\t\n\r\\N.\"', \x7f\u2028\U0001f600", max_size=12)
numbers = st.integers(-(2**64), 2**64) | st.sampled_from(
    [0, 1, 2**15, 2**31, 2**31 - 1, -(2**31), 2**53 + 1, 2**63 - 1]
)
stored_on_sqlite = st.one_of(
    st.none(),
    words,
    moments,
    odd_moments,
    st.dates().map(str),
    st.times().map(str),
    st.uuids().map(str) | st.uuids().map(lambda one: one.hex.upper()),
    documents.map(json.dumps) | documents.map(lambda one: json.dumps(one, ensure_ascii=False, indent=1)),
    st.decimals(allow_nan=False).map(str),
    st.sampled_from(["red", "green", "false", "true", "0", "1", "NaN", "Infinity", "1e5", "0.10", ".5", "5."]),
    numbers.filter(lambda one: -(2**63) <= one < 2**63),
    numbers.map(str),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32),
    st.decimals(-(10**8), 10**8, places=2).map(float),
    st.binary(max_size=20),
    st.binary(max_size=20).map(lambda some: ("CAST(? AS TEXT)", some)),
)


@pytest.mark.parametrize("name", TYPES)
def test_anything_in_a_column_of_sqlite_arrives_or_is_a_fault(crossing, name):
    here, there = crossing.column("sqlite", TYPES[name]), crossing.column("postgresql", TYPES[name])
    back = crossing.column("sqlite", TYPES[name], table="back")

    @EXAMPLES
    @given(stored_on_sqlite)
    def goes(stored):
        here.put(*(stored if isinstance(stored, tuple) else ("?", stored)))
        faults = here.faults("postgresql")
        assert not (here.clears() and faults)
        if faults:
            return
        there.copy_in(here.text)
        assert (there.text, there.digest) == (here.text, here.digest)
        there.take(here.text)
        assert there.text == here.text
        if not there.faults("sqlite"):
            back.take(there.text)
            assert (back.text, back.faults("postgresql")) == (here.text, [])

    goes()


stored_on_postgresql = {
    "instant": st.datetimes() | st.sampled_from(["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"]),
    "aware instant": st.datetimes(timezones=st.just(UTC)) | st.sampled_from(["infinity", "0001-01-01 00:00+14"]),
    "date": st.dates() | st.sampled_from(["infinity", "0001-12-31 BC", "5874897-12-31"]),
    "time": st.times() | st.just("24:00"),
    "interval": st.timedeltas(timedelta(days=-800_000), timedelta(days=2_000_000))
    | st.sampled_from(["1 mon", "-1 mon +31 days", "25:00:00", "-00:00:00.000001", "3000000 days"]),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "big integer": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "small float": st.floats(width=32),
    "money": st.decimals(-(10**7), 10**7, places=2),
    "decimal": st.decimals() | st.floats(),
    "written decimal": st.decimals() | st.floats(),
    "text": words.map(lambda one: one.replace("\0", "")),
    "string": st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=5),
    "fixed": st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=5),
    "binary": st.binary(max_size=20),
    "uuid": st.uuids(),
    "foreign uuid": st.uuids() | st.integers(0, 10**31).map(lambda one: uuid.UUID(f"{one:032d}")),
    "enum": st.sampled_from(["red", "green"]),
    "json": documents.map(json.dumps),
    "json as text": documents.map(json.dumps),
    "jsonb": documents.map(json.dumps),
}


@pytest.mark.parametrize("name", stored_on_postgresql)
def test_anything_in_a_column_of_postgresql_arrives_or_is_a_fault(crossing, name):
    here, there = crossing.column("postgresql", TYPES[name]), crossing.column("sqlite", TYPES[name])
    back = crossing.column("postgresql", TYPES[name], table="back")

    @EXAMPLES
    @given(st.none() | stored_on_postgresql[name])
    def goes(value):
        if not here.takes(value):
            return
        if here.faults("sqlite"):
            return
        there.take(here.text)
        assert (there.text, there.digest) == (here.text, here.digest)
        if not there.faults("postgresql"):
            back.copy_in(there.text)
            assert back.text == here.text
            assert back.plain == here.plain

    goes()


@EXAMPLES
@given(st.lists(st.floats(allow_nan=False), min_size=20, max_size=200))
def test_floats_are_written_as_postgresql_writes_them(crossing, some):
    (row,) = crossing.connections["postgresql"].execute("SELECT %s::float8[]::text[]", (some,)).fetchall()
    assert [float_text(one) for one in some] == row[0]


def test_floats_half_way_between_decimals_are_written_as_postgresql_writes_them(crossing):
    bits = [
        struct.pack(">Q", (exponent << 52) | mantissa) for exponent in range(1, 2046, 3) for mantissa in (0, 1, 2**51)
    ]
    some = [struct.unpack(">d", one)[0] for one in bits]
    some += [float(f"{digits}e{exponent}") for digits in (1, 5, 9, 123) for exponent in range(-330, 306)]
    some += [math.nextafter(10.0**exponent, math.inf) for exponent in range(-20, 30)]
    (row,) = crossing.connections["postgresql"].execute("SELECT %s::float8[]::text[]", (some,)).fetchall()
    assert [float_text(one) for one in some] == row[0]
