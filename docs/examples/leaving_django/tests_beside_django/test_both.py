"""The admin and FastAPI on one database, in Django's cheap tests: nothing is committed, and both see it."""

import os
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from sqlalchemy import text
from starlette.testclient import TestClient

from crossfade.testing import postgres
from office.models import Context


@pytest.fixture
def ada(db):
    """A user of Django's."""
    return User.objects.create_user("ada")


@pytest.mark.django_db
async def test_what_django_writes_fastapi_lists(context, fastapi_client):
    assert (await fastapi_client.get("/contexts")).json() == [{"name": "tone", "text": "Be brief.", "author": "ada"}]


@pytest.fixture
def context(ada):
    """A context that Django's model has written."""
    return Context.objects.create(name="tone", text="Be brief.", author=ada)


def test_what_the_admin_saves_is_there_for_fastapi(admin_client, ada, sync_session):
    saved = admin_client.post("/admin/office/context/add/", {"name": "tone", "text": "Be brief.", "author": ada.pk})

    assert saved.status_code == 302, saved.content
    found = sync_session.execute(text("SELECT name, author_id FROM office_context")).all()
    assert found == [("tone", ada.pk)]


@pytest.fixture
def added(ada, crossfade_fastapi_app):
    """A context that FastAPI has written, by its own client, in a loop of its own."""
    with TestClient(crossfade_fastapi_app) as client:
        return client.post("/contexts", json={"name": "tone", "text": "Be brief.", "author": "ada"})


def test_what_fastapi_adds_the_admin_shows(added, admin_client):
    page = admin_client.get("/admin/office/context/")

    assert added.status_code == 201
    assert Context.objects.get().author.username == "ada"
    assert "tone" in page.content.decode()


def test_a_database_of_djangos_is_at_the_baseline(postgresql):
    """`crossfade init` takes in what Django's migrations have made, to the last index, and keeps the rows.

    On SQLite you see it yourself: README.md.
    """
    ours = {name: value for name, value in os.environ.items() if "DATABASE" not in name and name != "TESTING"}
    environ = ours | postgresql

    def run(*command):
        done = subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("manage.py", "migrate")
    run("manage.py", "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com")

    assert "adopted" in run("-m", "crossfade", "init")
    assert "models, revisions and database agree" in run("-m", "crossfade", "init", "--check")
    assert "ada" in run(
        "manage.py", "shell", "-c", "from django.contrib.auth.models import User as U; print(U.objects.get())"
    )


@pytest.fixture
def postgresql():
    """The variables that name a new PostgreSQL database."""
    with postgres.embedded() as server:
        url = server.database("live")
        yield {"DB_ENGINE": "django.db.backends.postgresql", "DB_NAME": url.database, "DB_USER": url.username} | {
            "DB_HOST": url.query["host"]
        }
