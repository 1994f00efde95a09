"""Which database each stack uses, and why."""

import os

import pytest

from crossfade import routes
from crossfade.errors import (
    DatabaseUrlError,
    DjangoSettingsError,
    PrivateMemoryError,
    RelativePathError,
    SourcesDisagreeError,
)
from crossfade.settings import Settings


@pytest.fixture
def resolved(tmp_path, monkeypatch):
    """The routes that variables of an environment lead to, in a project of its own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    def resolve(**environ):
        return routes.resolve(Settings.load(root=tmp_path, environ=environ))

    return resolve


def test_by_default_both_stacks_share_a_file(resolved, tmp_path):
    found = resolved()

    assert found.mode == "shared"
    assert found.flask.path == tmp_path / "instance" / "cron_jobs.db"
    assert found.fastapi.url == found.flask.url
    assert found.flask.source == "the default"
    assert found.distinct() == (found.flask,)


def test_database_url_serves_both(resolved):
    found = resolved(DATABASE_URL="postgres://u:p@h/x")

    assert found.mode == "shared"
    assert found.fastapi.url == found.flask.url
    assert found.fastapi.source == "DATABASE_URL (environment)"
    assert found.fastapi.masked == "postgresql://u:***@h/x"


def test_a_url_of_its_own_makes_fastapi_separate(resolved, tmp_path):
    found = resolved(FASTAPI_DATABASE_URL="sqlite:///instance/fastapi_cron_jobs.db")

    assert found.mode == found.flask.mode == found.fastapi.mode == "separate"
    assert found.fastapi.path == tmp_path / "instance" / "fastapi_cron_jobs.db"
    assert found.fastapi.source == "FASTAPI_DATABASE_URL (environment)"
    assert found.distinct() == (found.flask, found.fastapi)
    assert found.anchor == found.flask


def test_the_same_url_twice_is_shared(resolved):
    found = resolved(DATABASE_URL="postgres://u@h/x", FASTAPI_DATABASE_URL="postgresql+asyncpg://u@H:5432/x")

    assert found.mode == "shared"
    assert found.fastapi.url == found.flask.url
    assert (found.flask.async_driver, found.fastapi.async_driver) == (None, "asyncpg")
    assert found.fastapi.source == "FASTAPI_DATABASE_URL (environment)"


def test_the_file_is_named_when_it_says_so(resolved, tmp_path):
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:////x.db\n")

    assert resolved().flask.source == f"DATABASE_URL ({tmp_path}/.env)"


def test_djangos_variables_say_the_same(resolved):
    found = resolved(DB_ENGINE="postgresql", DB_NAME="x", DB_USER="u", DB_PASSWORD="p", DB_HOST="h")

    assert found.flask.masked == "postgresql://u:***@h/x"
    assert found.flask.source.startswith("DB_ENGINE (environment), DB_NAME (environment)")
    assert found.mode == "shared"


def test_djangos_relative_path_is_under_instance(resolved, tmp_path):
    assert resolved(DB_ENGINE="sqlite3", DB_NAME="db.sqlite3").flask.path == tmp_path / "instance" / "db.sqlite3"


def test_two_sources_that_agree_are_fine(resolved):
    found = resolved(DATABASE_URL="postgres://u@h:5432/x", DB_ENGINE="postgres", DB_NAME="x", DB_USER="u", DB_HOST="h")

    assert found.flask.source == "DATABASE_URL (environment)"


def test_two_sources_that_disagree_are_both_named(resolved):
    with pytest.raises(SourcesDisagreeError) as caught:
        resolved(DATABASE_URL="postgres://u:geheim@h/x", DB_ENGINE="sqlite3", DB_NAME="/y.db")

    message = str(caught.value)
    assert "DATABASE_URL (environment) says postgresql://u:***@h/x" in message
    assert "DB_ENGINE (environment), DB_NAME (environment) says sqlite:////y.db" in message


def test_parts_without_an_engine_are_an_error(resolved):
    with pytest.raises(DjangoSettingsError, match="DB_NAME, DB_HOST"):
        resolved(DB_NAME="x", DB_HOST="h")


def test_left_over_parts_do_not_matter_beside_a_url(resolved):
    assert resolved(DATABASE_URL="sqlite:////x.db", DB_HOST="h").mode == "shared"


def test_a_wrong_url_names_its_variable(resolved):
    with pytest.raises(DatabaseUrlError, match=r"FASTAPI_DATABASE_URL \(environment\)"):
        resolved(FASTAPI_DATABASE_URL="fastapi.db")


def test_tests_have_a_memory_and_a_file(resolved, tmp_path):
    found = resolved(TESTING="true")

    assert found.mode == "test"
    assert found.flask.in_memory
    assert f"crossfade-{os.getpid()}-" in found.flask.url.database
    assert found.fastapi.path == tmp_path / "instance" / "fastapi_test.db"
    assert found.flask.disposable
    assert found.fastapi.disposable
    assert found.flask.environment == "test"


def test_a_test_never_falls_back_to_the_real_database(resolved):
    found = resolved(
        TESTING="1",
        DATABASE_URL="postgres://u@h/real",
        FASTAPI_DATABASE_URL="postgres://u@h/real2",
        DB_ENGINE="postgres",
        DB_NAME="real3",
        APP_ENV="production",
    )

    assert not any("real" in route.masked for route in found.distinct())


@pytest.mark.parametrize("worker", ["gw0", "gw11"])
def test_each_worker_has_a_file_of_its_own(resolved, tmp_path, worker):
    found = resolved(TESTING="1", PYTEST_XDIST_WORKER=worker)

    assert found.fastapi.path == tmp_path / "instance" / f"fastapi_test_{worker}.db"


def test_test_database_url_alone_serves_both(resolved):
    found = resolved(TESTING="1", TEST_DATABASE_URL="postgres://u@h/x_test", PYTEST_XDIST_WORKER="gw0")

    assert found.flask.url == found.fastapi.url
    assert found.flask.url.database == "x_test"
    assert found.flask.source == "TEST_DATABASE_URL (environment)"
    assert found.mode == "test"


def test_fastapi_may_have_a_test_database_of_its_own(resolved):
    found = resolved(TESTING="1", FASTAPI_TEST_DATABASE_URL="postgresql+asyncpg://u@h/y_test")

    assert found.flask.in_memory
    assert found.fastapi.url.database == "y_test"
    assert found.fastapi.async_driver == "asyncpg"


def test_private_memory_in_a_test_is_the_processs(resolved):
    found = resolved(TESTING="1", TEST_DATABASE_URL="sqlite://")

    assert found.flask.url == found.fastapi.url
    assert found.flask.url.query["vfs"] == "memdb"


def test_two_private_memories_in_a_test_are_two(resolved):
    found = resolved(TESTING="1", TEST_DATABASE_URL="sqlite://", FASTAPI_TEST_DATABASE_URL="sqlite:///:memory:")

    assert found.flask.in_memory
    assert found.fastapi.in_memory
    assert found.flask.url != found.fastapi.url


def test_two_projects_in_one_process_have_two_memories(tmp_path):
    one, other = (routes.resolve(Settings(root=tmp_path / name, testing=True)) for name in ("a", "b"))

    assert one.flask.url != other.flask.url


@pytest.mark.parametrize("name", ["DATABASE_URL", "FASTAPI_DATABASE_URL"])
def test_private_memory_outside_a_test_is_refused(resolved, name):
    with pytest.raises(PrivateMemoryError, match=name):
        resolved(**{name: "sqlite://"})


def test_shared_memory_outside_a_test_is_somebodys_choice(resolved):
    assert resolved(DATABASE_URL="sqlite:///file:/x?vfs=memdb&uri=true").flask.in_memory


def test_a_relative_path_that_means_another_file_names_the_directories(resolved, tmp_path):
    (tmp_path / "app.db").touch()

    with pytest.raises(RelativePathError) as caught:
        resolved(DATABASE_URL="sqlite:///app.db")

    message = str(caught.value)
    assert f"means {tmp_path}/instance/app.db, which does not exist" in message
    assert f"but {tmp_path}/app.db does" in message
    assert "DATABASE_URL (environment)" in message


def test_the_working_directory_is_one_of_them(resolved, tmp_path):
    (tmp_path / "elsewhere" / "app.db").touch()

    with pytest.raises(RelativePathError, match=r"elsewhere/app\.db does"):
        resolved(DATABASE_URL="sqlite:///app.db")


def test_a_relative_path_is_clear_when_its_file_is_there(resolved, tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "app.db").touch()
    (tmp_path / "app.db").touch()

    assert resolved(DATABASE_URL="sqlite:///app.db").flask.path == tmp_path / "instance" / "app.db"


@pytest.mark.parametrize("environment", ["development", "production"])
def test_the_stamp_that_a_database_must_have_is_the_deployments(resolved, environment):
    found = resolved(APP_ENV=environment)

    assert found.flask.environment == found.fastapi.environment == environment
    assert not found.flask.disposable


def test_a_stack_is_asked_for_by_name(resolved):
    found = resolved(FASTAPI_DATABASE_URL="sqlite:////x.db")

    assert [found.of(stack) for stack in routes.STACKS] == [found.flask, found.fastapi]


def test_resolving_opens_nothing(resolved, tmp_path):
    resolved(TESTING="1")
    resolved()

    assert not (tmp_path / "instance").exists()
