"""Tokens that were given back before they expired."""

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base
from crossfade import clock


class RevokedToken(Base):
    """A token that signed out; kept until it would have expired anyway."""

    __tablename__ = "revoked_tokens"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The token's `jti`, or the SHA-256 of a token that has none."""
    expires_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    revoked_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
