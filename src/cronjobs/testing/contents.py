"""Everything that a database holds, to see whether a request changed it."""

from typing import Any

from sqlalchemy.orm import Session

from cronjobs.models import metadata


def contents(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables, in the order of their keys; as stored now, whatever the session has seen before."""
    session.rollback()
    found = {
        table.name: [tuple(row) for row in session.execute(table.select().order_by(*table.primary_key.columns))]
        for table in metadata.sorted_tables
    }
    session.rollback()
    return found
