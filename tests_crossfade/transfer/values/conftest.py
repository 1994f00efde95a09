"""One column of any type on either engine, as real as it gets, and values carried between them by their texts."""

import itertools
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Enum, create_engine, make_url
from sqlalchemy.types import TypeDecorator

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.transfer.ends import End
from crossfade.transfer.kinds import EngineName, install, kind_of

_NUMBERS = itertools.count()
DIALECTS = {
    name: make_url(url).get_dialect()()
    for name, url in [("sqlite", "sqlite://"), ("postgresql", "postgresql+psycopg://")]
}


@dataclass(frozen=True)
class Carried:
    """What became of a value."""

    source: str | None
    """Its text where it was."""
    target: str | None
    """Its text where it arrived; only if there was no fault."""
    faults: Sequence[str]


class Column:
    """A table of one column of some type on an engine."""

    def __init__(self, connection: Any, engine: EngineName, type_: Any, table: str) -> None:
        self.connection, self.engine, self.kind, self.table = connection, engine, kind_of(type_), table
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        if engine == "postgresql":
            self._declare(type_)
        self.declared = _ddl(type_, engine)
        connection.execute(f"CREATE TEMP TABLE {table} (v {self.declared})")

    def put(self, expression: str, *values: Any) -> None:
        """Has one row with this value."""
        self.connection.execute(f"DELETE FROM {self.table}")
        self.connection.execute(f"INSERT INTO {self.table} (v) VALUES ({expression})", values or ())

    def take(self, text: str | None) -> None:
        """Has one row with the value of a canonical text, as copying puts it there."""
        self.connection.execute(f"DELETE FROM {self.table}")
        mark = "?" if self.engine == "sqlite" else "%s"
        self.connection.execute(f"INSERT INTO {self.table} (v) VALUES ({self.kind.stored(mark, self.engine)})", (text,))

    def copy_in(self, text: str | None) -> None:
        """As `take`, through PostgreSQL's own reading of texts."""
        self.connection.execute(f"DELETE FROM {self.table}")
        with closing(self.connection.cursor()) as cursor, cursor.copy(f"COPY {self.table} (v) FROM STDIN") as copy:
            copy.write_row((text,))

    @property
    def text(self) -> str | None:
        """The canonical text."""
        (row,) = self.connection.execute(f"SELECT {self.kind.text('v', self.engine)} FROM {self.table}").fetchall()
        return row[0]

    @property
    def digest(self) -> str | None:
        """What is compared."""
        (row,) = self.connection.execute(f"SELECT {self.kind.digest('v', self.engine)} FROM {self.table}").fetchall()
        return row[0]

    @property
    def value(self) -> Any:
        """The value, as the driver reads it."""
        return self.connection.execute(f"SELECT v FROM {self.table}").fetchone()[0]

    def faults(self, target: EngineName) -> list[str]:
        """The reasons why the value can't go there."""
        return [
            one.reason
            for one in self.kind.faults("v", source=self.engine, target=target)
            if self.connection.execute(f"SELECT {one.where} FROM {self.table}").fetchone()[0]
        ]

    def takes(self, value: Any) -> bool:
        """Whether PostgreSQL has one row with this value now."""
        try:
            self.put(f"CAST(%s::text AS {self.declared})", None if value is None else _written(value))
        except psycopg.DataError:
            return False
        return True

    def clears(self) -> bool:
        """Whether a look at the value, as Python reads it, is enough to know that it has no fault."""
        try:
            value = self.connection.execute(f"SELECT {self.kind.seen('v')} FROM {self.table}").fetchone()[0]
            return value is not None and self.kind.plain([value])
        except (sqlite3.OperationalError, TypeError, UnicodeError, OverflowError):
            return False

    @property
    def plain(self) -> str | None:
        """What PostgreSQL says of the value; intervals in seconds."""
        said = "extract(epoch FROM v)" if self.declared == "INTERVAL" else "v"
        said = "trim_scale(v)" if self.kind.name == "decimal" else said
        return self.connection.execute(f"SELECT {said}::text FROM {self.table}").fetchone()[0]

    def _declare(self, type_: Any) -> None:
        made = type_.load_dialect_impl(DIALECTS["postgresql"]) if isinstance(type_, TypeDecorator) else type_
        if isinstance(made, Enum) and made.native_enum:
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in made.enums)
            if self.connection.execute("SELECT to_regtype(%s)", (made.name,)).fetchone()[0] is None:
                self.connection.execute(f"CREATE TYPE {made.name} AS ENUM ({names})")


def _ddl(type_: Any, engine: EngineName) -> str:
    return str(type_.compile(dialect=DIALECTS[engine]))


def _written(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, timedelta):
        return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
    return str(value)


class Crossing:
    """Both engines."""

    def __init__(self, here: sqlite3.Connection, there: psycopg.Connection[Any]) -> None:
        self.connections: dict[EngineName, Any] = {"sqlite": here, "postgresql": there}

    def column(self, engine: EngineName, type_: Any, *, table: str = "one") -> Column:
        """A new table of one column."""
        return Column(self.connections[engine], engine, type_, table)

    def carried(self, type_: Any, source: EngineName, target: EngineName, expression: str, *values: Any) -> Carried:
        """Puts a value into the source, and carries it to the other engine unless it has faults."""
        one = self.column(source, type_)
        one.put(expression, *values)
        faults = one.faults(target)
        if faults:
            return Carried(None, None, faults)
        text = one.text
        other = self.column(target, type_)
        if target == "postgresql":
            other.copy_in(text)
            assert other.text == text
        other.take(text)
        assert other.digest == one.digest if source != target else True
        return Carried(text, other.text, [])


@pytest.fixture(scope="module")
def crossing(server):
    """Both engines, with nothing in them."""
    url = server.database("values_test")
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as here,
        closing(
            psycopg.connect(url.render_as_string(hide_password=False), autocommit=True, prepare_threshold=None)
        ) as there,
    ):
        install(here)
        install(there)
        yield Crossing(here, there)


@pytest.fixture
def end(tmp_path, new_database):
    """Makes an empty database of a role on an engine, with the tables of some metadata, as an end of a copy."""
    made = []

    def make(role, engine, metadata):
        url = f"sqlite:///{tmp_path}/{role}.db"
        if engine == "postgresql":
            url = new_database()
        else:
            (tmp_path / f"{role}.db").touch()
        maker = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        metadata.create_all(maker)
        maker.dispose()
        made.append(Engines(name=f"crossfade:{role}", statement_timeout=0))
        canonical = urls.canonical(url, root=tmp_path, variable=role)
        return End(role, "URL", Route("flask", "shared", canonical, role, "development"), made[-1])

    yield make
    for engines in made:
        engines.dispose()
