"""How jobs are sorted: categories, and the teams that look after them. Jobs refer to both by slug."""

from sqlalchemy import Boolean, String
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Dated, Identified


class JobCategory(Identified, Dated, Base):
    """A kind of job."""

    __tablename__ = "job_categories"

    slug: Mapped[str] = mapped_column(String(100), unique=True, index=True)
    name: Mapped[str] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)


class PicTeam(Identified, Dated, Base):
    """The team in charge of a job."""

    __tablename__ = "pic_teams"

    slug: Mapped[str] = mapped_column(String(100), unique=True, index=True)
    name: Mapped[str] = mapped_column(String(255))
    slack_handle: Mapped[str | None] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
