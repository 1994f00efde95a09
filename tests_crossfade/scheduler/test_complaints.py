"""What `crossfade doctor` says of the scheduler: each fault is provoked, and found; nothing is changed."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from cronjobs import checks
from cronjobs.models import SchedulerNode
from cronjobs.scheduler import complaints, nodes
from cronjobs.scheduler.nodes import Node
from cronjobs.services import control
from cronjobs.settings import Settings
from crossfade import clock


@pytest.fixture
def found(session):
    """The complaints by their codes."""

    def look(*, always_on=True):
        with session.begin():
            return {each.code: each for each in complaints.complaints([session], always_on=always_on)}

    return look


@pytest.fixture
def alive(write):
    """A process of a stack that has just shown life, or some time ago."""

    def beat(stack="flask", *, ago=timedelta(0)):
        node = Node(stack)
        write(nodes.beat, node)
        heartbeat = clock.naive_utc() - ago
        write(
            lambda session: session.execute(
                update(SchedulerNode).where(SchedulerNode.id == node.id).values(heartbeat_at=heartbeat)
            )
        )

    return beat


@pytest.fixture
def later(add_job):
    """A job that isn't due yet."""
    return lambda name="later", **fields: add_job(name, **({"ago": timedelta(hours=-1)} | fields))


def test_where_there_is_no_job_nothing_is_missed(found, write, later):
    write(control.turn, None, "off")
    later(is_active=False)

    assert found() == {}


def test_where_somebody_fires_all_is_well(found, alive, later):
    later()
    alive()

    assert found() == {}


def test_a_switch_that_is_off(found, write, later):
    later()
    write(control.turn, None, "off", by="olga@till")

    assert found().keys() == {"scheduler-off"}
    assert "turned by olga@till" in found()["scheduler-off"].message


def test_nobody_is_alive(found, alive, later):
    later()
    assert "there is none" in found()["scheduler-silent"].message

    alive(ago=timedelta(minutes=3))

    assert "180 s old" in found()["scheduler-silent"].message


def test_on_a_developers_machine_all_may_be_stopped(found, alive, add_job, write):
    add_job("late", ago=timedelta(minutes=10))
    assert found(always_on=False) == {}
    assert found().keys() == {"scheduler-silent", "runs-overdue"}

    alive("fastapi")
    write(control.turn, None, "flask")

    assert found(always_on=False).keys() == {"scheduler-silent", "runs-overdue"}


def test_those_who_are_alive_may_not_fire(found, alive, later, write):
    later()
    alive("flask")
    write(control.turn, None, "fastapi")

    assert "owner: fastapi" in found()["scheduler-silent"].message


def test_runs_that_are_overdue(found, alive, add_job):
    alive()
    add_job("late", ago=timedelta(minutes=10))

    assert "has been due for 60" in found()["runs-overdue"].message


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"timezone": "Mars/Olympus"}, "'Mars/Olympus'"), ({"cron_expression": "every day"}, "'every day' has 2 fields")],
)
def test_jobs_that_nobody_can_read(found, alive, later, fields, words):
    alive()
    later("good", timezone="Europe/Berlin")
    later("one", **fields)
    later("two", **fields)
    later("asleep", is_active=False, **fields)

    message = found()["job-unreadable"].message

    assert found().keys() == {"job-unreadable"}
    assert "'one', 'two' is due" in message
    assert words in message


# --- the doctor's way there -------------------------------------------------------------------------------------------


def codes(settings):
    return [each.code for each in checks.findings(settings)]


@pytest.fixture
def production(world, settings):
    """The settings of a process that fires, on the world's database."""
    url = world.router.route("flask").url.render_as_string(hide_password=False)
    secrets = {"SECRET_KEY": "s" * 40, "JWT_SECRET_KEY": "j" * 40}
    return Settings.load(root=settings.root, environ={"DATABASE_URL": url, "APP_ENV": "production", **secrets})


def test_the_doctor_asks_the_database_where_jobs_should_be_fired(production, later):
    later()

    assert codes(production) == ["scheduler-silent"]
    for nobodys in ({"scheduler_enabled": False}, {"app_env": "development"}):
        assert codes(production.model_copy(update=nobodys)) == []


def test_the_doctor_says_nothing_of_databases_that_are_not_brought_up(production, tmp_path):
    (tmp_path / "empty.db").touch()
    for url in (f"sqlite:///{tmp_path / 'empty.db'}", f"sqlite:///{tmp_path / 'none.db'}"):
        assert codes(production.model_copy(update={"database_url": url})) == []
    assert not (tmp_path / "none.db").exists()
