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
    """A copy of the shop, its tests under a name by which pytest finds them."""
    copy = shutil.copytree(SHOP, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
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
    """Runs the shop's tests."""

    def pytest_run(database, *options):
        # What the environment says before is for tests without Django.
        elsewhere = dict.fromkeys(("TEST_DATABASE_URL", "FASTAPI_TEST_DATABASE_URL"), "sqlite:///elsewhere_test.db")
        variables = {"SHOP_DATABASE": json.dumps(database), "DJANGO_SETTINGS_MODULE": "shop.settings"}
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error"]
        settings = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
        plugins = ["-p", "no:cacheprovider", "-p", "no:crossfade", "-p", "crossfade.testing.guest.fixtures"]
        return subprocess.run(
            [*command, *settings, *plugins, *options],
            cwd=project,
            env=environ | elsewhere | variables | {"TESTING": "true", "PYTHONPATH": str(project)},
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
    assert passed(run(database)) == 21


def test_both_stacks_see_each_others_rows_in_every_worker(run, database):
    assert passed(run(database, "-n", "2")) == 21


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

    assert passed(run(postgresql)) == 1
