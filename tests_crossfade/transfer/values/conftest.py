"""One column of any type on either engine, as real as it gets, and values carried between them by their texts."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from sqlalchemy import Enum, make_url
from sqlalchemy.types import TypeDecorator

from crossfade.transfer.kinds import EngineName, Kind, install, kind_of

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

    def __init__(self, connection: Any, engine: EngineName, type_: Any) -> None:
        self.connection, self.engine, self.kind = connection, engine, kind_of(type_)
        connection.execute("DROP TABLE IF EXISTS one")
        if engine == "postgresql":
            self._declare(type_)
        connection.execute(f"CREATE TEMP TABLE one (v {_ddl(type_, engine)})")

    def put(self, expression: str, *values: Any) -> None:
        """Has one row with this value."""
        self.connection.execute("DELETE FROM one")
        self.connection.execute(f"INSERT INTO one (v) VALUES ({expression})", values or ())

    def take(self, text: str | None) -> None:
        """Has one row with the value of a canonical text, as copying puts it there."""
        self.connection.execute("DELETE FROM one")
        mark = "?" if self.engine == "sqlite" else "%s"
        self.connection.execute(f"INSERT INTO one (v) VALUES ({self.kind.stored(mark, self.engine)})", (text,))

    def copy_in(self, text: str | None) -> None:
        """As `take`, through PostgreSQL's own reading of texts."""
        self.connection.execute("DELETE FROM one")
        with closing(self.connection.cursor()) as cursor, cursor.copy("COPY one (v) FROM STDIN") as copy:
            copy.write_row((text,))

    @property
    def text(self) -> str | None:
        """The canonical text."""
        (row,) = self.connection.execute(f"SELECT {self.kind.text('v', self.engine)} FROM one").fetchall()
        return row[0]

    @property
    def digest(self) -> str | None:
        """What is compared."""
        (row,) = self.connection.execute(f"SELECT {self.kind.digest('v', self.engine)} FROM one").fetchall()
        return row[0]

    @property
    def value(self) -> Any:
        """The value, as the driver reads it."""
        return self.connection.execute("SELECT v FROM one").fetchone()[0]

    def faults(self, target: EngineName) -> list[str]:
        """The reasons why the value can't go there."""
        return [
            one.reason
            for one in self.kind.faults("v", source=self.engine, target=target)
            if self.connection.execute(f"SELECT {one.where} FROM one").fetchone()[0]
        ]

    def _declare(self, type_: Any) -> None:
        made = type_.load_dialect_impl(DIALECTS["postgresql"]) if isinstance(type_, TypeDecorator) else type_
        if isinstance(made, Enum) and made.native_enum:
            self.connection.execute(f"DROP TYPE IF EXISTS {made.name}")
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in made.enums)
            self.connection.execute(f"CREATE TYPE {made.name} AS ENUM ({names})")


def _ddl(type_: Any, engine: EngineName) -> str:
    return str(type_.compile(dialect=DIALECTS[engine]))


class Crossing:
    """Both engines."""

    def __init__(self, here: sqlite3.Connection, there: psycopg.Connection[Any]) -> None:
        self.connections: dict[EngineName, Any] = {"sqlite": here, "postgresql": there}

    def column(self, engine: EngineName, type_: Any) -> Column:
        """A new table of one column."""
        return Column(self.connections[engine], engine, type_)

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


def kind(type_: Any) -> Kind:
    """The kind of a type."""
    return kind_of(type_)
