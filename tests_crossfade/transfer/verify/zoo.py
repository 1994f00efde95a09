"""Tables of every kind that a foreign application may have, and rows for them. Nothing here knows of the proof."""

import json
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    and_,
    create_engine,
    delete,
    event,
    insert,
    null,
    schema,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

ROWS = 40
COLOURS = ("red", "green", "blue, or 'both'")

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("nickname", String(200)),
    Column("body", Text),
    Column("amount", Integer),
    Column("total", BigInteger),
    Column("ratio", Float),
    Column("price", Numeric(12, 2, asdecimal=False)),
    Column("written", String(40).with_variant(Numeric(30, 10), "postgresql")),
    Column("flag", Boolean),
    Column("at", DateTime),
    Column("zoned", DateTime(timezone=True)),
    Column("day", Date),
    Column("clock", Time),
    Column("span", Interval),
    Column("doc", JSON),
    Column("meaning", JSON().with_variant(JSONB(), "postgresql")),
    Column("tag", Uuid),
    Column("raw", LargeBinary),
    Column("colour", Enum(*COLOURS, name="colour")),
    Column("code", String(40), unique=True),
)
lines = Table(
    "order",
    metadata,
    Column("group", Integer, primary_key=True, autoincrement=False),
    Column("select", String(50), primary_key=True),
    Column("thing", ForeignKey("things.id")),
    Column("from", Text),
    Column('say "no"', Text),
)
parts = Table(
    "parts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group", Integer),
    Column("select", String(50)),
    Column("note", Text),
    ForeignKeyConstraint(["group", "select"], ["order.group", "order.select"]),
)
tree = Table(
    "tree",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("parent", ForeignKey("tree.id")),
    Column("name", String(80), nullable=False),
    Column("rank", Integer, nullable=False),
    UniqueConstraint("name"),
)
keyless = Table("keyless", metadata, Column("n", Integer), Column("words", Text), Column("more", Text))
wide = Table(
    "wide",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(f"c{number}", Integer if number % 2 else Text) for number in range(200)),
)
events = Table(
    "events", metadata, Column("id", Uuid, primary_key=True), Column("what", Text, nullable=False), schema="audit"
)

TABLES = (things, lines, parts, tree, keyless, wide, events)
REFERRED = {things: lines, lines: parts, tree: tree}

_WORDS = ("", " ", "a", "A", "ä", "a\tb", "a\nb", "\\N", "'\"", "1:a", "-1", "n", "日本", "😀", "x" * 150, "null", "0")


def rows(seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, by table; in a table without a key, one is there twice."""
    random = Random(seed)
    made = {table.fullname: [_row(table, number, random) for number in range(ROWS)] for table in TABLES}
    for number, line in enumerate(made["order"]):
        line["thing"] = None if number % 5 == 0 else random.choice(made["things"])["id"]
    for number, part in enumerate(made["parts"]):
        line = random.choice(made["order"])
        part["group"], part["select"] = (None, None) if number % 7 == 0 else (line["group"], line["select"])
    for number, node in enumerate(made["tree"]):
        node["parent"] = None if number == 0 else random.randrange(number)
    made["keyless"].append(dict(made["keyless"][3]))
    return made


def _row(table: Table, number: int, random: Random) -> dict[str, Any]:
    row = {column.name: value(column, random) for column in table.columns}
    for column in table.columns:
        if column.primary_key:
            row[column.name] = key(column, number)
        elif _unique(column):
            row[column.name] = f"unique {number}"
        elif not column.nullable and row[column.name] is None:
            row[column.name] = "set" if isinstance(column.type, String) else 0
    return row


def key(column: Column[Any], number: int) -> Any:
    """A key for a row of this number."""
    if isinstance(column.type, Uuid):
        return UUID(int=number * 7919 + 1)
    return number if isinstance(column.type, Integer) else f"{UUID(int=number * 104729)}"


def value(column: Column[Any], random: Random) -> Any:
    """Some value that the column may hold, none sometimes."""
    if column.nullable and random.random() < 0.15:
        return null() if isinstance(column.type, JSON) else None
    moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**15))
    match column.type:
        case Boolean():
            return random.random() < 0.5
        case BigInteger():
            return random.randrange(-(2**63), 2**63)
        case Integer():
            return random.randrange(-(2**31), 2**31)
        case Float():
            return random.choice((0.1, 1e300, -1.5, 1 / 3, 1e-9, 123456789.123456789)) * random.random()
        case Enum():
            return random.choice(COLOURS)
        case Uuid():
            return UUID(int=random.getrandbits(128))
        case String() if column.name == "written":
            return Decimal(random.randrange(10**12)) / 1000
        case String():
            return random.choice(_WORDS) + random.choice(("", f" {random.randrange(1000)}"))
        case Numeric():
            return random.randrange(10**9) / 4
        case DateTime():
            return moment if column.type.timezone else moment.replace(tzinfo=None)
        case Date():
            return moment.date()
        case Time():
            return moment.time()
        case Interval():
            return timedelta(microseconds=random.randrange(10**14))
        case JSON():
            return {"a": [random.randrange(100), None, "ä\t"], "b": {"deep": random.random() < 0.5}}
        case LargeBinary():
            return random.randbytes(random.randrange(20))
    raise AssertionError(column.type)


def engine(url: Any) -> Engine:
    """An engine of SQLAlchemy's own, past which the tests know what is in a database."""
    made = create_engine(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)
    if url.drivername == "postgresql":
        return made

    @event.listens_for(made, "connect")
    def _deterministic(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")

    return made.execution_options(schema_translate_map={"audit": None})


def create(on: Engine) -> None:
    """Makes the tables."""
    with on.begin() as connection:
        if on.dialect.name == "postgresql":
            connection.execute(schema.CreateSchema("audit"))
        metadata.create_all(connection)


def fill(on: Engine, given: dict[str, list[dict[str, Any]]]) -> None:
    """Writes rows, in an order in which references hold."""
    with on.begin() as connection:
        for table in TABLES:
            if given[table.fullname]:
                connection.execute(insert(table), [stored(on, table, row) for row in given[table.fullname]])


def stored(on: Engine, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row as the engine is given it: SQLite has decimals as text here."""
    if table is things and on.dialect.name == "sqlite" and row.get("written") is not None:
        return row | {"written": f"{row['written'].normalize():f}"}
    return row


def same(table: Table, row: dict[str, Any]) -> Any:
    """The condition for the row with the key of this one."""
    return and_(*(column == row[column.name] for column in table.primary_key))


@dataclass(frozen=True)
class Mutation:
    """What was done to one side: rows of a table before and after."""

    table: Table
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    columns: tuple[str, ...] = ()
    what: str = ""

    def apply(self, on: Engine) -> None:
        """Does it."""
        self._turn(on, self.before, self.after)

    def revert(self, on: Engine) -> None:
        """Takes it back."""
        self._turn(on, self.after, self.before)

    def _turn(self, on: Engine, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        table = self.table
        with on.begin() as connection:
            if old is None:
                connection.execute(insert(table), [stored(on, table, new)])
            elif new is None:
                connection.execute(delete(table).where(same(table, old)))
            else:
                changed = {name: stored(on, table, new)[name] for name in self.columns}
                connection.execute(update(table).where(same(table, old)).values(changed))


def mutations(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    """What happens at one stroke to a table: one row for most of them, two for values that are swapped."""
    return random.choice((_cell, _cell, _bit, _bit, _dropped, _added, _swapped, _swapped_within))(random, given)


def _pick(random: Random, given: dict[str, list[dict[str, Any]]]) -> tuple[Table, dict[str, Any]]:
    table = random.choice([one for one in TABLES if one is not keyless])
    return table, random.choice(given[table.fullname])


def _unique(column: Column[Any]) -> bool:
    return column.name == "code" or column is tree.c.name


def _free(table: Table) -> list[Column[Any]]:
    """Columns that neither name a row nor refer to one."""
    referring = {column.name for one in table.foreign_keys for column in [one.parent]}
    return [column for column in table.columns if not column.primary_key and column.name not in referring]


def _cell(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    table, row = _pick(random, given)
    column = random.choice(_free(table))
    new = row[column.name]
    while means(new) == means(row[column.name]):
        new = f"other {random.random()}" if _unique(column) else value(column, random)
    return [_changed(table, row, {column.name: new}, "a cell")]


def _bit(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    # A bit of a float is rounded away where there are two digits after the point.
    names: list[str] = []
    while not names:
        table, row = _pick(random, given)
        columns = [column.name for column in _free(table) if column.name != "price" and not _unique(column)]
        names = [name for name in columns if flipped(row[name], random) is not None]
    name = random.choice(names)
    return [_changed(table, row, {name: flipped(row[name], random)}, "a bit")]


def _dropped(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    table, name = random.choice(((parts, "parts"), (wide, "wide"), (events, "audit.events")))
    return [Mutation(table, random.choice(given[name]), None, what="a row went")]


def _added(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    table, row = _pick(random, given)
    new = row | {column.name: key(column, ROWS + random.randrange(10**6)) for column in table.primary_key}
    new |= {name: f"new {random.random()}" for name in ("code", "name") if name in row}
    return [Mutation(table, None, new, what="a row came")]


def _swapped(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    while True:
        table, row = _pick(random, given)
        other = random.choice(given[table.fullname])
        name = random.choice([one.name for one in _free(table) if not _unique(one)])
        if means(row[name]) != means(other[name]) and None not in (row[name], other[name]):
            return [
                _changed(table, row, {name: other[name]}, "a swap"),
                _changed(table, other, {name: row[name]}, "a swap"),
            ]


def _swapped_within(random: Random, given: dict[str, list[dict[str, Any]]]) -> list[Mutation]:
    while True:
        row = random.choice(given["wide"])
        one, other = random.sample([f"c{number}" for number in range(0, 200, 2)], 2)
        if row[one] != row[other]:
            return [_changed(wide, row, {one: row[other], other: row[one]}, "a swap within a row")]


def _changed(table: Table, row: dict[str, Any], new: dict[str, Any], what: str) -> Mutation:
    columns = tuple(column.name for column in table.columns if column.name in new)
    return Mutation(table, row, row | new, columns, what)


def means(one: Any) -> Any:
    """Something that is equal for values that mean the same."""
    return None if one is null() or isinstance(one, type(null())) else json.dumps(one, default=repr, sort_keys=True)


def flipped(given: Any, random: Random) -> Any:
    """A value that is one bit away; None if there is none that its column holds."""
    match given:
        case bool():
            return not given
        case int():
            return given ^ 1
        case float():
            (bits,) = struct.unpack("<q", struct.pack("<d", given))
            (new,) = struct.unpack("<d", struct.pack("<q", bits ^ 1))
            return new
        case str() if given not in COLOURS and given:
            place = random.randrange(len(given))
            return given[:place] + chr(ord(given[place]) ^ 1) + given[place + 1 :]
        case bytes() if given:
            place = random.randrange(len(given))
            return given[:place] + bytes([given[place] ^ 1 << random.randrange(8)]) + given[place + 1 :]
        case datetime() | time():
            return given.replace(microsecond=given.microsecond ^ 1)
        case date():
            return given + timedelta(days=1)
        case timedelta():
            return given + timedelta(microseconds=1)
        case UUID():
            return UUID(int=given.int ^ 1 << random.randrange(128))
    return None
