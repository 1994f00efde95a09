"""What a new database is filled with, and that a database with users is left alone."""

import dataclasses

import pytest
from email_validator import validate_email
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs import models, seeds
from crossfade import clock
from crossfade.database.sessions import begin_write


@pytest.fixture
def session(place):
    place.init()
    with place.opened() as connection, Session(connection) as session:
        yield session


def test_demo_makes_an_administrator_whose_password_is_told_once(session):
    password = seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000")

    admin = session.scalars(select(models.User)).one()
    assert (admin.username, admin.role, admin.is_active) == ("admin", "admin", True)
    assert len(password) >= 20
    assert admin.check_password(password)
    assert validate_email(admin.email, check_deliverability=False)


def test_demo_passwords_differ(session):
    with session.begin_nested() as tried:
        first = seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000")
        tried.rollback()

    assert seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000") != first


def test_only_the_echo_job_is_active_and_it_calls_the_application_itself(session):
    seeds.demo(begin_write(session), base_url="http://127.0.0.1:8123/")

    active = session.scalars(select(models.Job).where(models.Job.is_active)).one()
    assert active.cron_expression == "* * * * *"
    assert active.target_url == "http://127.0.0.1:8123/api/v2/echo"


def test_demo_jobs_keep_the_rules_of_the_contract(session):
    seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000")

    teams = set(session.scalars(select(models.PicTeam.slug).where(models.PicTeam.is_active)))
    categories = set(session.scalars(select(models.JobCategory.slug)))
    jobs = list(session.scalars(select(models.Job)))
    assert len(jobs) >= 4
    assert len(teams) >= 2
    for job in jobs:
        assert job.end_date > clock.now().date()
        assert job.pic_team in teams
        assert job.category in categories
        assert job.cron_dialect == "standard"
        assert job.next_run_at is None
        assert job.created_by is not None
        assert (job.target_url is None) == (job.github_repo is not None)


def test_demo_leaves_a_database_with_users_alone(session):
    seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000")
    before = session.scalar(select(func.count()).select_from(models.Job))

    assert seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000") is None
    assert session.scalar(select(func.count()).select_from(models.Job)) == before


def test_an_adopted_database_gets_no_demo(place, legacy):
    legacy(place)
    place.init()

    with place.opened() as connection, Session(connection) as session:
        assert seeds.demo(begin_write(session), base_url="http://127.0.0.1:8000") is None


def test_seeding_twice_changes_nothing(session):
    seeds.seed(begin_write(session))

    assert session.scalar(select(func.count()).select_from(models.JobCategory)) == 7


def test_the_seed_is_the_one_that_the_project_names(project):
    assert project.load("seed") is seeds.seed
    assert project.load("demo") is seeds.demo
    assert dataclasses.is_dataclass(project.load("adoption"))
