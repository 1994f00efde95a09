"""Django's names for kinds of databases: each row of the table, where DATABASES says it and where DB_ENGINE does."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from crossfade import django, urls
from crossfade.errors import DjangoSettingsError, DriverNotSupportedError
from crossfade.settings import Settings

SERVED = {
    "django.db.backends.postgresql": "postgresql",
    "django.db.backends.postgresql_psycopg2": "postgresql",
    "django.contrib.gis.db.backends.postgis": "postgresql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "django.db.backends.sqlite3": "sqlite",
    "django.contrib.gis.db.backends.spatialite": "sqlite",
    "sqlite3": "sqlite",
    "sqlite": "sqlite",
}
DRIVERS = {
    # One name for both of psycopg's sides: the kind of engine says which.
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "sqlite": ("sqlite+pysqlite", "sqlite+aiosqlite"),
}
REFUSED = [
    "django.db.backends.mysql",
    "django.contrib.gis.db.backends.mysql",
    "mysql",
    "django.db.backends.oracle",
    "django.contrib.gis.db.backends.oracle",
    "oracle",
]
OTHERS = [
    "django_prometheus.db.backends.postgresql",
    "psqlextra.backend",
    "django_tenants.postgresql_backend",
    "mssql",
    "my.django.db.backends.postgresql",
    "django.db.backends.sqlite",
    "sqlit",
]
NONE = ["django.db.backends.dummy", "", None]


def said_by_databases(engine):
    return django.read({"ENGINE": engine, "NAME": "/x"}).url


def said_by_variables(engine):
    return django.url(Settings(root=Path("/srv/app"), db_engine=engine, db_name="/x"))


@pytest.fixture(params=[said_by_databases, said_by_variables], ids=["DATABASES", "DB_ENGINE"])
def said(request):
    """The URL for an engine, as either place says it."""
    return request.param


@pytest.mark.parametrize(("engine", "kind"), SERVED.items())
def test_each_engine_that_is_served_is_its_kind_of_database_with_its_drivers(said, engine, kind):
    url = said(engine)

    assert url == URL.create(kind, database="/x")
    assert (urls.sync_url(url).drivername, urls.async_url(url, None).drivername) == DRIVERS[kind]


@pytest.mark.parametrize("engine", REFUSED)
def test_a_database_that_is_not_served_is_refused_by_name(said, engine):
    with pytest.raises(DriverNotSupportedError, match=rf"ENGINE.*: {engine} is not supported by this router"):
        said(engine)


@pytest.mark.parametrize("engine", OTHERS)
def test_any_other_engine_is_refused_with_a_list_of_those_that_are_known(said, engine):
    with pytest.raises(DjangoSettingsError, match=rf"ENGINE.*: '{engine}' is no engine.*known are .*spatialite"):
        said(engine)


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_of_somebody_elses_is_what_it_is_told_to_be(engine):
    told = django.read({"ENGINE": engine, "NAME": "shop"}, engines={engine: "postgresql"})

    assert told.url == URL.create("postgresql", database="shop")


@pytest.mark.parametrize("engine", NONE)
def test_no_database_is_said_to_be_none(engine):
    with pytest.raises(DjangoSettingsError, match=r"DATABASES\['default'\]\['ENGINE'\]: .* is no database"):
        said_by_databases(engine)
