"""Which SQL statements a piece of code sends, whichever engine it uses: how many, and what they read in full."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

_BOOKKEEPING = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE")
_SCAN = "SCAN "


@dataclass(frozen=True)
class Sent:
    """A statement as its driver got it."""

    statement: str
    parameters: Any


@contextmanager
def counted() -> Generator[list[Sent]]:
    """The statements that are sent in the block, without those that only hold a transaction together."""
    sent: list[Sent] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(_BOOKKEEPING):
            sent.append(Sent(statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def read_in_full(connection: Connection, sent: Sent) -> set[str]:
    """The tables whose rows the database would read all, to answer a statement: it is asked for its plan.

    An index that alone knows the answer may be read to its end: it is a fraction of the table, and a count of
    everything can't be had for less. An index that is walked in its order until a page is full may be, too.
    """
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent.statement}", sent.parameters)
        return {table for row in plan for table in _scanned_by_sqlite(row.detail, sent.statement)}
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sent.statement}", sent.parameters)
    return set(_scanned_by_postgresql(plan.scalar_one()[0]["Plan"]))


def _scanned_by_sqlite(step: str, statement: str) -> Iterator[str]:
    """The table of a step such as `SCAN jobs` or `SCAN jobs USING COVERING INDEX ...`."""
    if not step.startswith(_SCAN) or "USING COVERING INDEX" in step:
        return
    if "USING INDEX" in step and "LIMIT" in statement:
        return
    yield step.removeprefix(_SCAN).split()[0]


def _scanned_by_postgresql(node: dict[str, Any]) -> Iterator[str]:
    if "Seq Scan" in node["Node Type"]:
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _scanned_by_postgresql(below)
