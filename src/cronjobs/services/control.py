"""The switch that says whose processes may fire. It is one row of the anchor database, and rules wherever jobs are.

It is for whoever asks to find the anchor: `router.routes.anchor`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cronjobs.models import SchedulerControl, User
from cronjobs.models.scheduling import BOTH, OWNERS
from cronjobs.services import audit, errors
from crossfade import clock
from crossfade.database.sessions import WriteSession

_ROW = 1
_LONGEST_NAME = 255
"""Characters: what the column holds."""


@dataclass(frozen=True)
class Switch:
    """Whose processes may fire, and who said so."""

    owner: str
    """flask, fastapi, both or off."""
    changed_by: str | None
    """A user's name, or whoever else turned it; None if nobody ever did."""
    changed_at: datetime | None
    """Naive UTC; None if nobody ever did."""


NEVER_TURNED = Switch(BOTH, None, None)


def look(session: Session) -> Switch:
    """The switch as it stands in this transaction, on the anchor database."""
    row = session.get(SchedulerControl, _ROW, populate_existing=True)
    return NEVER_TURNED if row is None else _seen(row)


def turn(session: WriteSession, caller: User | None, owner: str, *, by: str | None = None) -> Switch:
    """Turns the switch to `owner` (flask, fastapi, both or off), on the anchor database.

    It is in force for every claim that is made after the commit; to where it stands already it isn't turned. `by` says
    who turned it where nobody signed in has (`caller` is None). Raises InvalidError for another owner.
    """
    if owner not in OWNERS:
        raise errors.InvalidError(f"owner: write {', '.join(OWNERS[:-1])} or {OWNERS[-1]}.", error="Invalid owner")
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = {"id": _ROW, "owner": BOTH, "changed_at": clock.naive_utc()}
    session.execute(dialect.insert(SchedulerControl).values(first).on_conflict_do_nothing())
    # Locked: of two admins who turn it at once, the second sees what the first has made of it.
    row = session.get_one(SchedulerControl, _ROW, with_for_update=True, populate_existing=True)
    if row.owner != owner:
        before = audit.state(row)
        row.owner, row.changed_at = owner, clock.naive_utc()
        name = by if caller is None else caller.username
        row.changed_by = None if name is None else name[:_LONGEST_NAME]
        session.flush()
        audit.changed(session, caller, row, before)
    return _seen(row)


def _seen(row: SchedulerControl) -> Switch:
    return Switch(row.owner, row.changed_by, row.changed_at)
