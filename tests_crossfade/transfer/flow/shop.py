"""The tables of these tests, what a source of them holds, and what its application does to it meanwhile."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    make_url,
    text,
)

metadata = MetaData()
customers = Table(
    "customers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("email", String(120), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("joined", DateTime, nullable=False),
    UniqueConstraint("name", name="uq_customers_name"),
    Index("ix_customers_email", "email", unique=True),
    Index("ix_customers_joined", "joined"),
)
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("customer_id", String(36), ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("replaces", Integer, ForeignKey("orders.id")),
    Column("amount", Integer, nullable=False),
    Column("note", Text),
    Index("ix_orders_customer_id_amount", "customer_id", "amount"),
    sqlite_autoincrement=True,
)
lines = Table(
    "order lines",
    metadata,
    Column("order_id", Integer, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("what", Text, nullable=False),
)
visits = Table("visits", metadata, Column("at", DateTime, nullable=False), Column("page", Text))
accounts = Table(
    "accounts", metadata, Column("id", Integer, primary_key=True), Column("money", Integer, nullable=False)
)
vaults = Table("vaults", metadata, Column("id", Integer, primary_key=True), Column("money", Integer, nullable=False))

TABLES = tuple(metadata.tables)
_NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001  as the databases keep it
_TEXTS = ("", "plain", 'a "quoted" one', "tab\tand\nline", "back\\slash \\N", "žluťoučký 🐎", "x" * 300)


def make(url: str) -> str:
    """Creates the tables."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    engine = create_engine(make_url(url).set(drivername="sqlite" if url.startswith("sqlite") else "postgresql+psycopg"))
    metadata.create_all(engine)
    engine.dispose()
    return url


def opened(url: str) -> Any:
    """The driver's own connection; every statement is committed by itself, until BEGIN."""
    if url.startswith("sqlite"):
        return closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30))
    return closing(psycopg.connect(url, autocommit=True))


def run(connection: Any, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """A statement with `?` for each parameter."""
    if isinstance(connection, sqlite3.Connection):
        given = [str(one) if isinstance(one, datetime) else one for one in parameters]
        return connection.execute(statement, given).fetchall()
    cursor = connection.execute(statement.replace("?", "%s"), parameters or None)
    return cursor.fetchall() if cursor.description else []


def fill(url: str, *, many: int, seed: int = 1) -> None:
    """A tenth of `many` customers, `many` orders, lines, and visits."""
    chance = random.Random(seed)
    with opened(url) as connection:
        run(connection, "BEGIN")
        people = [_customer(connection, chance, number) for number in range(max(2, many // 10))]
        for number in range(1, many + 1):
            replaces = chance.randrange(1, number) if number > 1 and chance.random() < 0.1 else None
            _order(connection, chance, number, chance.choice(people), replaces)
        for number in range(many // 10):
            at = _NEW_YEAR + timedelta(seconds=number // 2)
            run(connection, "INSERT INTO visits VALUES (?, ?)", at, chance.choice(_TEXTS))
        for number in range(10):
            for table in ("accounts", "vaults"):
                run(connection, f"INSERT INTO {table} VALUES (?, 1000)", number)
        if not isinstance(connection, sqlite3.Connection):
            run(connection, f"ALTER TABLE orders ALTER COLUMN id RESTART WITH {many + 1}")
        run(connection, "COMMIT")


def _customer(connection: Any, chance: random.Random, number: int) -> str:
    identity = f"{chance.getrandbits(64):016x}"
    run(
        connection,
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?)",
        identity,
        f"name {number}",
        f"c{number}@shop.example",
        chance.random() < 0.5,
        _NEW_YEAR + timedelta(microseconds=chance.randrange(10**12)),
    )
    return identity


def _order(connection: Any, chance: random.Random, number: int, customer: str, replaces: int | None) -> None:
    values = number, customer, replaces, chance.randrange(1000), chance.choice((*_TEXTS, None))
    run(connection, "INSERT INTO orders VALUES (?, ?, ?, ?, ?)", *values)
    for line in range(chance.randrange(3)):
        run(connection, 'INSERT INTO "order lines" VALUES (?, ?, ?)', number, line, chance.choice(_TEXTS))


def move_on(url: str, chance: random.Random) -> None:
    """What an application does between two calls: rows come, go and change, and two customers swap their names."""
    with opened(url) as connection:
        if isinstance(connection, sqlite3.Connection):
            run(connection, "PRAGMA foreign_keys = ON")
        for change in chance.choices(_CHANGES, k=4):
            run(connection, "BEGIN")
            change(connection, chance)
            run(connection, "COMMIT")


def _arrive(connection: Any, chance: random.Random) -> None:
    customer = _customer(connection, chance, chance.randrange(10**6, 10**9))
    last = run(connection, "SELECT coalesce(max(id), 0) FROM orders")[0][0]
    number = last + 1 + chance.randrange(3)
    _order(connection, chance, number, customer, None)
    if not isinstance(connection, sqlite3.Connection):
        run(connection, "SELECT setval('orders_id_seq', ?)", number)


def _leave(connection: Any, chance: random.Random) -> None:
    people = run(connection, "SELECT id FROM customers ORDER BY id")
    if len(people) < 20:
        return
    gone = chance.choice(people)[0]
    theirs = "SELECT id FROM orders WHERE customer_id = ?"
    run(connection, f"UPDATE orders SET replaces = NULL WHERE replaces IN ({theirs})", gone)
    run(connection, "DELETE FROM customers WHERE id = ?", gone)


def _change(connection: Any, chance: random.Random) -> None:
    people = run(connection, "SELECT id FROM customers ORDER BY id")
    run(
        connection, "UPDATE orders SET amount = amount + 1, note = NULL WHERE customer_id = ?", chance.choice(people)[0]
    )


def _swap(connection: Any, chance: random.Random) -> None:
    people = run(connection, "SELECT id, name, email FROM customers ORDER BY id")
    one, other = chance.sample(people, 2)
    rename = "UPDATE customers SET name = ?, email = ? WHERE id = ?"
    run(connection, rename, "nobody", "nobody", one[0])
    run(connection, rename, one[1], one[2], other[0])
    run(connection, rename, other[1], other[2], one[0])


def _visit(connection: Any, chance: random.Random) -> None:
    run(connection, "INSERT INTO visits VALUES (?, ?)", _NEW_YEAR, chance.choice(_TEXTS))
    run(connection, "DELETE FROM visits WHERE at > ?", _NEW_YEAR + timedelta(seconds=chance.randrange(300)))


_CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (_arrive, _leave, _change, _swap, _visit)


def own(connection: Any) -> None:
    """A customer that the source doesn't have."""
    run(connection, "INSERT INTO customers VALUES ('mine', 'me', 'me', ?, ?)", True, _NEW_YEAR)  # noqa: FBT003  a value


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, the same on both engines, in an order of their own."""
    with opened(url) as connection:
        return {
            name: sorted(
                (tuple(map(_plain, row)) for row in run(connection, f'SELECT {_listed(name)} FROM "{name}"')), key=repr
            )
            for name in TABLES
        }


def _listed(name: str) -> str:
    return ", ".join(f'"{column.name}"' for column in metadata.tables[name].columns)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, str) and value.startswith("2026-") and len(value) == 19:
        return f"{value}.000000"
    return int(value) if isinstance(value, bool) else value


def definitions(url: str) -> list[tuple[Any, ...]]:
    """Everything that the catalogue says of the tables' indexes and constraints."""
    with opened(url) as connection:
        if isinstance(connection, sqlite3.Connection):
            statement = (
                "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%crossfade%' ORDER BY type, name"
            )
            return [row for row in run(connection, statement) if not row[1].startswith("sqlite_stat")]
        found = run(
            connection,
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '%crossfade%'",
        )
        found += run(
            connection,
            "SELECT tablename, indexname, indexdef, true FROM pg_indexes"
            " WHERE schemaname = 'public' AND tablename NOT LIKE '%crossfade%'",
        )
        return sorted(found, key=repr)


def next_order(url: str) -> int:
    """The number that the database gives to the next order; it isn't kept."""
    with opened(url) as connection:
        run(connection, "BEGIN")
        person = run(connection, "SELECT id FROM customers LIMIT 1")[0][0]
        number = run(connection, "INSERT INTO orders (customer_id, amount) VALUES (?, 1) RETURNING id", person)[0][0]
        run(connection, "ROLLBACK")
        return int(number)


__all__ = [
    "TABLES",
    "definitions",
    "fill",
    "make",
    "metadata",
    "move_on",
    "next_order",
    "opened",
    "rows",
    "run",
    "text",
]
