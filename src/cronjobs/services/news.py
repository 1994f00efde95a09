"""What is to leave the house once a transaction is committed: e-mails and Slack messages, as plain values.

Services put them on the session that they write with; whoever commits it takes them and hands them to
`cronjobs.scheduler.courier`. What is rolled back was never said. Nothing here knows a server, or waits for one.
"""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

_KEY = "cronjobs.news"


@dataclass(frozen=True, kw_only=True)
class Mail:
    """An e-mail: one letter, to all of its addresses."""

    about: str
    """What a log calls it, such as `job 3f2…`."""
    to: tuple[str, ...]
    subject: str
    lines: tuple[str, ...]
    path: str
    """Where its link leads, below the frontend's address."""


@dataclass(frozen=True)
class Line:
    """A line of a Slack message: text of anybody's, and a handle that an admin wrote, which Slack is to act on."""

    text: str
    handle: str | None = None


@dataclass(frozen=True, kw_only=True)
class Post:
    """A Slack message."""

    about: str
    webhook_url: str = field(repr=False)
    channel: str | None
    lines: tuple[Line, ...]
    path: str


Piece = Mail | Post


def put(session: Session, *pieces: Piece) -> None:
    """To be sent if the session's transaction is committed."""
    session.info.setdefault(_KEY, []).extend(pieces)


def taken(session: Session) -> list[Piece]:
    """What was put on the session since the last time; to be sent after the commit."""
    pieces: list[Piece] = session.info.pop(_KEY, [])
    return pieces
