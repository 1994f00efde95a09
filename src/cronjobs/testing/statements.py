"""Which SQL statements a piece of code sends, whichever engine it uses: how many, and what they read."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

_BOOKKEEPING = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE")
_STEP = re.compile(r"(?P<how>SCAN|SEARCH) (?P<table>\w+)(?: USING (?P<by>.*))?")
_NAMED = re.compile(r"%\((\w+)\)s")
_KNOWING = re.compile(r"COVERING INDEX|\(id=\?\)$")


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


def scanned(connection: Connection, sent: Sent) -> set[str]:
    """The tables that the database would read from end to end, to answer a statement: it is asked for its plan.

    An index that alone knows the answer may be read to its end: it is a fraction of the table, and nothing less can
    count everything.
    """
    if connection.dialect.name == "sqlite":
        steps = _steps(connection, sent)
        return {step["table"] for step in steps if step["how"] == "SCAN" and "COVERING" not in (step["by"] or "")}
    return {node["Relation Name"] for node in _nodes(connection, sent, "EXPLAIN (FORMAT JSON)") if _is_scan(node)}


def leafed_through(connection: Connection, sent: Sent, *, most: int) -> set[str]:
    """The tables out of which a query takes more rows than `most`, whether it shows them or not.

    PostgreSQL carries it out and counts. It is asked for its other plan as well, the one for whichever parameters,
    that it may keep for a query that is sent often. SQLite does not count: there, rows may be taken by their ids alone,
    which an index has found.
    """
    if not sent.statement.lstrip().upper().startswith("SELECT"):
        return set()
    if connection.dialect.name == "sqlite":
        return {step["table"] for step in _steps(connection, sent) if not _KNOWING.search(step["by"] or "")}
    nodes = list(_nodes(connection, sent, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"))
    taken = {node["Relation Name"] for node in nodes if _rows_taken(node) > most}
    nodes += _nodes_for_any(connection, sent.statement)
    return taken | {node["Relation Name"] for node in nodes if _is_scan(node)}


def _steps(connection: Connection, sent: Sent) -> list[re.Match[str]]:
    """The steps of SQLite's plan that read a table, such as `SEARCH jobs USING INDEX ix_jobs_name (name=?)`."""
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent.statement}", _first(sent.parameters))
    return [found for row in plan if (found := _STEP.fullmatch(row.detail))]


def _nodes(connection: Connection, sent: Sent, command: str) -> Iterator[dict[str, Any]]:
    """The nodes of PostgreSQL's plan that read a table."""
    return _reading(connection.exec_driver_sql(f"{command} {sent.statement}", _first(sent.parameters)).scalar_one())


def _nodes_for_any(connection: Connection, statement: str) -> Iterator[dict[str, Any]]:
    """The same of the plan for whichever parameters."""
    numbers: dict[str, int] = {}
    numbered = _NAMED.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", statement)
    # The driver keeps what it is asked often, and would ask for the parameters.
    cursor: Any = connection.connection.cursor()
    return _reading(cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}", prepare=False).fetchone()[0])


def _reading(plan: Any) -> Iterator[dict[str, Any]]:
    waiting = [plan[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", ())
        if "Relation Name" in node and node["Node Type"] != "ModifyTable":
            yield node


def _is_scan(node: dict[str, Any]) -> bool:
    return bool(node["Node Type"] == "Seq Scan")


def _rows_taken(node: dict[str, Any]) -> float:
    """Out of the table itself, in all rounds and by all workers; not what an index alone has answered."""
    if node["Node Type"] == "Index Only Scan":
        return float(node["Heap Fetches"])
    refused = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + refused) * node["Actual Loops"])


def _first(parameters: Any) -> Any:
    """The parameters of a statement; of one that is sent for many rows, those of the first."""
    is_many = isinstance(parameters, list) and parameters and isinstance(parameters[0], dict | tuple)
    return parameters[0] if is_many else parameters
