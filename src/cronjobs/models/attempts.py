"""Logins that failed of late."""

from datetime import datetime

from sqlalchemy import DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base
from crossfade.fence import STAYS_WRITABLE
from crossfade.transfer.marks import LOCAL


class LoginAttempts(Base):
    """How often somebody failed in a window that began with the first failure; worth nothing once it is over."""

    __tablename__ = "login_attempts"
    # While writes are frozen people sign in, and whoever guesses must be counted; after a minute nobody misses it.
    __table_args__ = ({"info": {STAYS_WRITABLE: True, LOCAL: True}},)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A keyed digest of the name that was given, or of the address it came from: neither can be read from it."""
    failures: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(DateTime, index=True)
    """Naive UTC."""
