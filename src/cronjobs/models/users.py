"""Who may sign in, and what they asked to be told and shown."""

from datetime import datetime

from sqlalchemy import Boolean, DateTime, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs import passwords
from cronjobs.models.base import Base, Dated, Identified, LooselyDated

ADMIN = "admin"
USER = "user"
VIEWER = "viewer"
ROLES = (ADMIN, USER, VIEWER)


class User(Identified, LooselyDated, Base):
    """Somebody with a login and a role."""

    __tablename__ = "users"

    username: Mapped[str] = mapped_column(String(80), unique=True, index=True)
    email: Mapped[str] = mapped_column(String(120), unique=True, index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), default=VIEWER)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    tokens_valid_from: Mapped[datetime | None] = mapped_column(DateTime)
    """Tokens issued before this instant are dead: set when the password changes or the user is deactivated."""

    def set_password(self, text: str) -> None:
        """Store the Argon2id hash of a password."""
        self.password_hash = passwords.hash_password(text)

    def check_password(self, text: str) -> bool:
        """Whether this is the user's password, whichever scheme hashed it."""
        return passwords.verify(self.password_hash, text)


class UserNotificationPreferences(Identified, LooselyDated, Base):
    """What a user wants to hear of, and how."""

    __tablename__ = "user_notification_preferences"

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id"), unique=True)
    email_on_job_success: Mapped[bool] = mapped_column(Boolean, default=True)
    email_on_job_failure: Mapped[bool] = mapped_column(Boolean, default=True)
    email_on_job_disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    browser_notifications: Mapped[bool] = mapped_column(Boolean, default=True)
    daily_digest: Mapped[bool] = mapped_column(Boolean, default=False)
    weekly_report: Mapped[bool] = mapped_column(Boolean, default=True)


class UserUiPreferences(Identified, Dated, Base):
    """Which columns of the job table a user sees: a JSON object of booleans."""

    __tablename__ = "user_ui_preferences"

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id"), unique=True)
    jobs_table_columns: Mapped[str | None] = mapped_column(Text)
