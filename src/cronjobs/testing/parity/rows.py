"""What two databases hold, comparable: rows as text, with what must differ made alike."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from cronjobs.models import metadata
from cronjobs.testing.parity.normal import UUID, Ids

Contents = Mapping[str, list[str]]
"""Of each table the rows, as text."""

_SALTED = re.compile(r"(\$argon2id\$[^$]+\$[^$]+)\$[\w+/]+\$[\w+/]+")


def contents(engine: Engine, names: Ids) -> Contents:
    """The rows of all tables, comparable with those of another database."""
    found = {}
    for table, stored in _stored(engine).items():
        texts = sorted((_text(columns, names) for columns in stored), key=lambda row: (names.masked(row), row))
        found[table] = [names.named(row) for row in texts]
    return found


def ids(engine: Engine) -> frozenset[str]:
    """All that there are."""
    return frozenset(UUID.findall(str(_stored(engine))))


def copy(source: Engine, target: Engine) -> None:
    """Makes the rows of one database those of the other."""
    with source.connect() as reading, target.begin() as writing:
        for table in reversed(metadata.sorted_tables):
            writing.execute(table.delete())
        for table in metadata.sorted_tables:
            rows = [row._asdict() for row in reading.execute(table.select())]
            if rows:
                writing.execute(table.insert(), rows)


def _stored(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """The columns of all rows, by table; PostgreSQL's in one go, because it is far away."""
    found: dict[str, list[dict[str, Any]]] = {table.name: [] for table in metadata.sorted_tables}
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            each = (f"SELECT '{name}', row_to_json(stored) FROM {name} stored" for name in found)
            for name, columns in connection.exec_driver_sql(" UNION ALL ".join(each)):
                found[name].append(columns)
        else:
            for name in found:
                rows = connection.exec_driver_sql(f"SELECT * FROM {name}")
                found[name] = [row._asdict() for row in rows]
    return found


def _text(columns: dict[str, Any], names: Ids) -> str:
    """A row as text, without what two runs can't have in common: how long it took, and which stack's process it was."""
    if columns.get("duration_seconds") is not None and not names.knows(columns["id"]):
        columns["duration_seconds"] = "a while"
    if columns.get("owner"):
        columns["owner"] = re.sub("^(flask|fastapi):", "stack:", columns["owner"])
    return _SALTED.sub(r"\1", str(columns))
