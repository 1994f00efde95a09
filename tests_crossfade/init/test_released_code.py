"""The released legacy application runs on the newest schema: it writes rows without knowing the later columns."""

from datetime import datetime

import pytest
from sqlalchemy import Boolean, Date, DateTime, Float, ForeignKey, Integer, String, Text, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from crossfade.revisions import Revisions, current

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  as the legacy application stores it


class Base(DeclarativeBase):
    """The models as they were released: nothing of this repository in them."""


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True, index=True)
    email: Mapped[str] = mapped_column(String(120), unique=True, index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), default="viewer")
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime | None] = mapped_column(DateTime, default=NOW)
    updated_at: Mapped[datetime | None] = mapped_column(DateTime, default=NOW)


class Job(Base):
    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    cron_expression: Mapped[str] = mapped_column(String(100))
    target_url: Mapped[str | None] = mapped_column(String(500))
    job_metadata: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(100), default="general")
    end_date: Mapped[datetime | None] = mapped_column(Date)
    enable_email_notifications: Mapped[bool] = mapped_column(Boolean, default=False)
    notify_on_success: Mapped[bool] = mapped_column(Boolean, default=False)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=NOW)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=NOW)


class JobExecution(Base):
    __tablename__ = "job_executions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(String(20))
    trigger_type: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(DateTime)
    completed_at: Mapped[datetime | None] = mapped_column(DateTime)
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    response_status: Mapped[int | None] = mapped_column(Integer)


class Notification(Base):
    __tablename__ = "notifications"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(255))
    message: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(50))
    related_job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    is_read: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=NOW)


@pytest.fixture(params=["created", "adopted"])
def newest(request, place, legacy):
    """A database at the newest revision, whichever way it came there."""
    if request.param == "adopted":
        legacy(place, rows=False)
    assert place.init().action == request.param
    with place.opened() as connection:
        assert current(connection) == Revisions("cronjobs.revisions").head
    return place


@pytest.fixture
def session(newest):
    with newest.opened() as connection, Session(connection) as session:
        session.add(User(id="u1", username="anna", email="anna@example.com", password_hash="x"))
        session.flush()
        session.add(Job(id="j1", name="hourly", cron_expression="0 * * * *", created_by="u1"))
        session.flush()
        yield session


def test_it_runs_jobs(session):
    # Two at one time, as it may start them by hand: nothing of ours stands in the way.
    for number in range(3):
        session.add(JobExecution(id=f"e{number}", job_id="j1", status="running", trigger_type="manual", started_at=NOW))
    session.flush()
    execution = session.get_one(JobExecution, "e0")
    execution.status, execution.completed_at, execution.duration_seconds = "success", NOW, 0.5
    session.commit()

    assert session.scalar(select(func.count()).select_from(JobExecution)) == 3


def test_it_edits_users_and_jobs(session):
    session.get_one(User, "u1").password_hash = "y"
    session.get_one(Job, "j1").cron_expression = "5 * * * *"
    session.commit()

    assert session.get_one(Job, "j1").cron_expression == "5 * * * *"


def test_its_rows_are_read_as_it_means_them(session, newest):
    session.add(JobExecution(id="e1", job_id="j1", status="running", trigger_type="scheduled", started_at=NOW))
    session.flush()

    row = session.connection().exec_driver_sql("SELECT cron_dialect, next_run_at, planned_at FROM jobs").one()
    claim = session.connection().exec_driver_sql(
        "SELECT scheduled_for, owner, lease_until, attempt FROM job_executions"
    )

    assert tuple(row) == ("apscheduler", None, None)
    assert tuple(claim.one()) == (None, None, None, 1)


def test_deletes_do_what_they_did(session):
    session.add(Notification(id="n1", user_id="u1", title="t", message="m", type="info", related_job_id="j1"))
    session.add(JobExecution(id="e1", job_id="j1", status="failed", trigger_type="manual", started_at=NOW))
    session.flush()

    session.delete(session.get_one(Job, "j1"))
    session.commit()

    assert session.scalar(select(func.count()).select_from(JobExecution)) == 0
    assert session.get_one(Notification, "n1", populate_existing=True).related_job_id is None


def test_its_rules_hold(session):
    session.add(Job(id="j2", name="hourly", cron_expression="0 * * * *"))

    with pytest.raises(IntegrityError):
        session.flush()
