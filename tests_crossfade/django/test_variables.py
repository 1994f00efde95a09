"""Django's DB_* as a database URL."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

from crossfade import django
from crossfade.errors import DjangoSettingsError
from crossfade.settings import Settings


def url(**fields):
    return django.url(Settings(root=Path("/srv/app"), **fields))


def test_all_parts_of_a_server_are_taken():
    found = url(db_engine="postgres", db_name="x", db_user="u", db_password="p@ss/w:rd#", db_host="h", db_port="5433")

    assert found == URL.create("postgresql", "u", "p@ss/w:rd#", "h", 5433, "x")


def test_a_host_that_is_a_directory_is_the_sockets():
    found = url(db_engine="postgres", db_name="x", db_host="/var/run/postgresql")

    assert (found.host, found.query["host"]) == (None, "/var/run/postgresql")


def test_no_host_is_the_local_socket():
    assert url(db_engine="postgres", db_name="x").host is None


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "number#1.db", "100%.db"])
def test_a_path_stays_what_it_is(name):
    assert url(db_engine="sqlite3", db_name=f"/var/{name}").database == f"/var/{name}"


def test_memory_is_recognised():
    assert url(db_engine="sqlite3", db_name=":memory:") == URL.create("sqlite")


def test_a_file_uri_keeps_its_options():
    found = url(db_engine="sqlite3", db_name="file:memorydb_default?mode=memory&cache=shared")

    assert found.database == "file:memorydb_default"
    assert dict(found.query) == {"mode": "memory", "cache": "shared", "uri": "true"}


@pytest.mark.parametrize("engine", ["sqlite3", "postgres"])
def test_a_database_needs_a_name(engine):
    with pytest.raises(DjangoSettingsError, match="DB_NAME"):
        url(db_engine=engine)


def test_without_an_engine_there_is_no_url():
    assert url(db_name="x") is None


def test_the_fields_that_are_set_can_be_told():
    assert django.named(Settings(root=Path("/"), db_engine="sqlite", db_port=1)) == ("db_engine", "db_port")


def test_django_itself_is_never_imported():
    code = (
        "import sys, crossfade.django, crossfade.router\n"
        "sys.exit(any(name == 'django' or name.startswith('django.') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
