"""Rows of a plain `django_db` test, seen by FastAPI and back: real runs of pytest-django, on each kind of database."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).with_name("shop")
SQLITE = {"ENGINE": "django.db.backends.sqlite3"}


@pytest.fixture
def project(tmp_path):
    """A copy of the shop, its tests under names by which pytest finds them."""
    copy = shutil.copytree(SHOP, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "instance").mkdir()
    (copy / "suite_stacks.py").rename(copy / "test_stacks.py")
    return (copy / "suite.py").rename(copy / "test_shop.py").parent


@pytest.fixture(params=["memory", "file", "postgresql"])
def database(request, project):
    """settings.DATABASES["default"] of the shop."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql")
    settings = SQLITE | {"NAME": str(project / "shop.sqlite3")}
    # Unless it is told otherwise, Django tests in memory.
    return settings if request.param == "memory" else settings | {"TEST": {"NAME": str(project / "test_shop.sqlite3")}}


@pytest.fixture
def run(project, environ):
    """Runs pytest in the shop as its people would: the plugins that are installed, and the settings of the project."""

    def pytest_run(database, *options, **variables):
        # What the environment says before is for tests without Django.
        elsewhere = dict.fromkeys(("TEST_DATABASE_URL", "FASTAPI_TEST_DATABASE_URL"), "sqlite:///elsewhere_test.db")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
            cwd=project,
            env=environ | elsewhere | {"SHOP_DATABASE": json.dumps(database)} | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return pytest_run


def passed(result):
    found = re.search(r"(\d+) passed in", result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    return int(found[1])


def test_both_stacks_see_each_others_rows(run, database):
    assert passed(run(database)) == 21 + 8


def test_both_stacks_see_each_others_rows_in_every_worker(run, database):
    assert passed(run(database, "-n", "2")) == 21 + 8


def test_a_project_that_the_router_does_not_serve_asks_for_the_guests_by_name(run, project):
    guests = ["-p", "no:crossfade", "-p", "crossfade.testing.guest.fixtures"]
    settings = SQLITE | {"NAME": "shop.sqlite3"}

    assert passed(run(settings, *guests, "test_shop.py", TESTING="true")) == 21


SERVERS = """
import httpx2, pytest

@pytest.mark.django_db(transaction=True)
def test_committed(live_fastapi):
    from shop.models import Item
    httpx2.post(live_fastapi.url + "/items/milk").raise_for_status()
    assert Item.objects.get().name == "milk"
    Item.objects.update(name="coffee")
    assert httpx2.get(live_fastapi.url + "/items").json()[0][0] == "coffee"

@pytest.mark.django_db
def test_uncommitted(live_fastapi): ...

@pytest.mark.django_db
@pytest.mark.crossfade(isolation="clone")
def test_cloned(sync_session): ...
"""


def test_a_server_in_another_process_sees_what_django_commits_and_nothing_else_can_be_asked_for(run, project):
    (project / "test_servers.py").write_text(SERVERS)
    settings = SQLITE | {"NAME": "shop.sqlite3", "TEST": {"NAME": str(project / "test_shop.sqlite3")}}

    result = run(settings, "test_servers.py")

    assert "1 passed, 2 errors" in result.stdout, result.stdout
    assert "would not see it: mark the test django_db(transaction=True)" in result.stdout
    assert "whose rows Django puts back: take isolation='clone' out" in result.stdout


def test_in_memory_no_server_in_another_process_can_be_had(run, project):
    (project / "test_servers.py").write_text(SERVERS)

    result = run(SQLITE | {"NAME": "shop.sqlite3"}, "test_servers.py", "-k", "test_committed")

    assert "name a file in DATABASES['default']['TEST']['NAME']" in result.stdout, result.stdout


def test_a_driver_that_cannot_be_a_guest_says_what_can(run, project, postgresql):
    (project / "test_shop.py").write_text(
        """
import asyncio
import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from crossfade import urls
from crossfade.errors import RouterError

@pytest.mark.django_db
def test_asyncpg(django_database):
    async def connect():
        await create_async_engine(urls.async_url(django_database.url, "asyncpg")).connect()

    with pytest.raises(RouterError, match=r"asyncpg can't join .* use psycopg 3 on both sides"):
        asyncio.run(connect())
"""
    )

    assert passed(run(postgresql, "test_shop.py")) == 1
