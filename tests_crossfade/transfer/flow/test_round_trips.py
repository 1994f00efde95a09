"""Whatever the tables are what is in them: from SQLite to PostgreSQL and back it is the same, or refused by name."""

import sqlite3
from contextlib import closing
from datetime import date, datetime, time

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, types

TYPES = {
    "integer": (types.Integer(), st.integers(-(2**31), 2**31 - 1)),
    "big": (types.BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "boolean": (types.Boolean(), st.booleans()),
    "float": (types.Float(), st.floats(allow_nan=False)),
    "money": (types.Numeric(12, 2), st.decimals(-(10**9), 10**9, places=2)),
    "text": (types.Text(), st.text(max_size=30)),
    "short": (types.String(4), st.text(max_size=6)),
    "bytes": (types.LargeBinary(), st.binary(max_size=20)),
    "instant": (types.DateTime(), st.datetimes(min_value=datetime(100, 1, 1))),  # noqa: DTZ001  naive, as it is stored
    "day": (types.Date(), st.dates(min_value=date(100, 1, 1))),
    "time": (types.Time(), st.times()),
    "uuid": (types.Uuid(), st.uuids()),
    "json": (
        types.JSON(none_as_null=True),
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=3),
    ),
}
NAMES = st.sampled_from(["order", "Group", "a b", 'quo"ted', "user", "ünïcode", "x", "select", "percent%", "it's"])
KEYS = {
    "none": (),
    "number": (Integer(),),
    "text": (String(40),),
    "two": (Integer(), String(40)),
}
KEY_VALUES = {Integer: st.integers(-(2**31), 2**31 - 1), String: st.text(max_size=8)}


@st.composite
def databases(draw):
    """A metadata, and rows for each of its tables."""
    metadata = MetaData()
    rows = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower)):
        key = draw(st.sampled_from(list(KEYS)))
        columns = [Column(f"key {place}", type_, primary_key=True) for place, type_ in enumerate(KEYS[key])]
        chosen = draw(st.lists(st.sampled_from(list(TYPES)), min_size=0 if columns else 1, max_size=5, unique=True))
        columns += [Column(f"{name} {kind}", TYPES[kind][0]) for kind in chosen]
        # A table may refer to one before it, or to itself.
        parents = [other for other in metadata.tables.values() if len(other.primary_key.columns) == 1]
        parent = draw(st.sampled_from([None, *parents]))
        if parent is not None:
            (to,) = parent.primary_key.columns
            columns.append(Column("parent", to.type, ForeignKey(to)))
        table = Table(name, metadata, *columns)
        rows[name] = _unique(table, draw(st.lists(_row(table, key, chosen, parent, rows), max_size=8)))
    return metadata, rows


def _row(table, key, chosen, parent, rows):
    values = {f"key {place}": KEY_VALUES[type(type_)] for place, type_ in enumerate(KEYS[key])}
    values |= {f"{table.name} {kind}": st.none() | TYPES[kind][1] for kind in chosen}
    if parent is not None:
        there = [row["key 0"] for row in rows[parent.name]]
        values["parent"] = st.none() | st.sampled_from(there) if there else st.none()
    return st.fixed_dictionaries(values)


def _unique(table, rows):
    key = [column.name for column in table.primary_key.columns]
    return list({tuple(row[name] for name in key): row for row in rows}.values()) if key else rows


def stored(url, metadata):
    """What is in an SQLite file, as it is stored."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.text_factory = bytes
        return {
            name: sorted(map(repr, connection.execute(f"SELECT {_told(table)} FROM {_quoted(name)}")))
            for name, table in metadata.tables.items()
        }


def _told(table):
    names = [_quoted(column.name) for column in table.columns]
    return ", ".join(f"typeof({name}), {name}" for name in names)


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def made(empty):
    """Makes a database with tables and rows, and returns its URL."""

    def make(kind, metadata, rows):
        url = empty(kind)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            metadata.create_all(connection)
            for name, some in rows.items():
                for row in some:
                    connection.execute(metadata.tables[name].insert(), row)
        engine.dispose()
        return url

    return make


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(database=databases())
def test_what_comes_back_is_what_went_or_was_refused_by_name(made, carry, database):
    metadata, rows = database
    here = made("sqlite", metadata, rows)
    there, back = (made(kind, metadata, {}) for kind in ("postgresql", "sqlite"))

    went = carry(here, there, metadata=metadata)
    event("refused" if went.stopped else "carried")
    if went.stopped:
        # PostgreSQL has no place for it, and the first such value is named.
        assert all(bad.table and bad.column and bad.reason for bad in went.bad_values)
        assert went.bad_rows >= 1
        assert not any(one.inserted for one in went.tables)
        return
    returned = carry(there, back, metadata=metadata)

    assert went.ok
    assert returned.ok
    assert [one.inserted for one in went.tables] == [len(rows[one.table]) for one in went.tables]
    assert stored(back, metadata) == stored(here, metadata)


def test_the_hours_of_a_day_come_back_to_the_microsecond(made, carry):
    metadata = MetaData()
    Table("hours", metadata, Column("id", Integer, primary_key=True), Column("at", types.Time()))
    rows = {"hours": [{"id": n, "at": time(n, 59, 59, 999_999 - n)} for n in range(24)]}
    here, there, back = made("sqlite", metadata, rows), made("postgresql", metadata, {}), made("sqlite", metadata, {})

    carry(here, there, metadata=metadata)
    carry(there, back, metadata=metadata)

    assert stored(back, metadata) == stored(here, metadata)
