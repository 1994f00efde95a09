"""Which databases `init` is about."""

import pytest

from crossfade.errors import SettingsError
from crossfade.revisions.places import places
from crossfade.settings import Settings


def shown(routes):
    return [
        (route.stack, route.mode, str(route.path or "memory").rpartition("/")[2], route.environment) for route in routes
    ]


@pytest.fixture
def settings(tmp_path):
    return Settings(root=tmp_path)


def test_the_routes_own(settings):
    assert shown(places(settings)) == [
        ("flask", "shared", "cron_jobs.db", "development"),
        ("fastapi", "shared", "cron_jobs.db", "development"),
    ]


def test_separate_adds_the_example(settings):
    found = places(settings, separate=True)

    assert [name for _, _, name, _ in shown(found)] == ["cron_jobs.db", "fastapi_cron_jobs.db"]
    assert found[1].source == "--separate"


def test_separate_takes_the_one_that_is_set(settings):
    own = settings.replaced(source="environment", fastapi_database_url="sqlite:///own.db")

    assert [name for _, _, name, _ in shown(places(own, separate=True))] == ["cron_jobs.db", "own.db"]


def test_test_means_the_databases_for_tests(settings):
    assert shown(places(settings, test=True)) == [
        ("flask", "test", "memory", "test"),
        ("fastapi", "test", "fastapi_test.db", "test"),
    ]


def test_test_and_separate_mean_all(settings):
    assert len(places(settings, test=True, separate=True)) == 4


def test_url_stands_alone_whatever_else_is_set(settings):
    set_up = settings.replaced(
        source="environment", database_url="sqlite:///a.db", fastapi_database_url="sqlite:///b.db"
    )

    found = places(set_up, url="sqlite:///c.db")

    assert {name for _, _, name, _ in shown(found)} == {"c.db"}
    assert found[0].source == "--url"


def test_url_wins_over_django_settings(tmp_path):
    settings = Settings(root=tmp_path, db_engine="sqlite3", db_name="/x/django.db")

    assert {name for _, _, name, _ in shown(places(settings, url="sqlite:///c.db"))} == {"c.db"}


@pytest.mark.parametrize(("testing", "test"), [(False, True), (True, False), (True, True)])
def test_url_for_tests(settings, testing, test):
    base = settings.replaced(source="environment", testing=testing)

    found = places(base, url="sqlite:///c.db", test=test)

    assert {(mode, name, environment) for _, mode, name, environment in shown(found)} == {("test", "c.db", "test")}


def test_options_that_exclude_each_other_are_refused(settings):
    with pytest.raises(SettingsError, match="give one of them"):
        places(settings, url="sqlite:///c.db", separate=True)
    with pytest.raises(SettingsError, match="this is a test run"):
        places(settings.replaced(source="environment", testing=True), separate=True)
