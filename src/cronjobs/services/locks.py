"""Turns: one transaction at a time for changes that rows alone can't protect, such as "there is one row".

On PostgreSQL these are advisory locks, which end with the transaction. On SQLite a `WriteSession` is alone already.
"""

from enum import Enum
from typing import Any

from sqlalchemy import Function, func

from crossfade.database.sessions import WriteSession


class Turn(Enum):
    """What is changed by one at a time; the numbers are any that nobody else uses."""

    TAXONOMIES = 0x63726F6E7461786F
    SLACK = 0x63726F6E736C636B
    UPLOADS = 0x63726F6E62756C6B


def alone(session: WriteSession, turn: Turn) -> None:
    """From here to the end of the transaction nobody else has this turn, or shares in it."""
    _wait(session, func.pg_advisory_xact_lock(turn.value))


def together(session: WriteSession, turn: Turn) -> None:
    """From here to the end of the transaction nobody has this turn alone. Take it before locking any row."""
    _wait(session, func.pg_advisory_xact_lock_shared(turn.value))


def _wait(session: WriteSession, lock: Function[Any]) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(lock.select())
