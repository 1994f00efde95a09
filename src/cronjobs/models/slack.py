"""Where the application speaks on Slack."""

from sqlalchemy import Boolean, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Dated, Identified


class SlackSettings(Identified, Dated, Base):
    """The one row of Slack settings."""

    __tablename__ = "slack_settings"

    is_enabled: Mapped[bool] = mapped_column(Boolean, default=False)
    webhook_url: Mapped[str | None] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(String(255))
