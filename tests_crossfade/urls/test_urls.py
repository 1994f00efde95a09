"""One canonical URL from what people write."""

from pathlib import Path

import pytest
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from crossfade import urls
from crossfade.errors import DatabaseUrlError, DriverNotSupportedError, MaskedUrlError

ROOT = Path("/srv/app")


def canonical(text, root=ROOT):
    return urls.canonical(text, root=root, variable="DATABASE_URL (environment)")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///app.db", "/srv/app/instance/app.db"),
        ("sqlite:///./app.db", "/srv/app/instance/app.db"),
        ("sqlite:///instance/cron_jobs.db", "/srv/app/instance/cron_jobs.db"),
        ("sqlite:///data/app.db", "/srv/app/instance/data/app.db"),
        ("sqlite:///../app.db", "/srv/app/app.db"),
        ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
        ("sqlite:////var/lib/../app.db", "/var/app.db"),
        ("sqlite+pysqlite:////var/app.db", "/var/app.db"),
        ("sqlite+aiosqlite:///app.db", "/srv/app/instance/app.db"),
        ("SQLite:////var/app.db", "/var/app.db"),
        ("sqlite:////var/a b.db", "/var/a b.db"),
        ("sqlite:////var/a%20b.db", "/var/a b.db"),
        ("sqlite:////var/what?.db", "/var/what?.db"),
        ("sqlite:////var/what%3Fa=b.db", "/var/what?a=b.db"),
        ("sqlite:////var/number#1.db", "/var/number#1.db"),
    ],
)
def test_a_path_is_absolute_and_relative_ones_are_under_instance(text, path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    url = canonical(text)

    assert url.drivername == "sqlite"
    assert urls.path_of(url) == Path(path)


def test_a_file_has_one_name_whichever_link_leads_to_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert canonical(f"sqlite:///{tmp_path}/link/x.db") == canonical(f"sqlite:///{tmp_path}/real/x.db")


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u:p@h/x",
        "postgresql://u:p@h/x",
        "postgresql+psycopg://u:p@h/x",
        "postgresql+psycopg_async://u:p@h/x",
        "postgres+asyncpg://u:p@h/x",
    ],
)
def test_a_postgresql_url_loses_its_driver(text):
    assert canonical(text) == URL.create("postgresql", "u", "p", "h", database="x")


def test_a_password_with_special_characters_survives():
    assert canonical("postgresql://u:p%40%2F%3A%23@h/x").password == "p@/:#"


@pytest.mark.parametrize(
    ("text", "driver"),
    [("postgresql+asyncpg://h/x", "asyncpg"), ("postgresql://h/x", None), ("sqlite+aiosqlite:///x", None)],
)
def test_a_wish_for_asyncpg_is_remembered(text, driver):
    assert urls.async_driver(text) == driver


def test_both_drivers_come_from_one_url():
    server, file = canonical("postgres://u:p@h/x"), canonical("sqlite:////a.db")

    assert urls.sync_url(server).drivername == "postgresql+psycopg"
    assert urls.async_url(server).drivername == "postgresql+psycopg"
    assert urls.async_url(server, "asyncpg").drivername == "postgresql+asyncpg"
    assert urls.sync_url(file).drivername == "sqlite+pysqlite"
    assert urls.async_url(file).drivername == "sqlite+aiosqlite"
    assert urls.sync_url(server).password == "p"


@pytest.mark.parametrize(
    "text",
    ["mysql://h/x", "postgresql+psycopg2://h/x", "oracle://h/x", "sqlite+pysqlcipher:///x", "http://h/x", "redis://h"],
)
def test_other_drivers_are_refused_by_the_variable_that_names_them(text):
    with pytest.raises(DriverNotSupportedError, match=r"DATABASE_URL \(environment\)") as caught:
        canonical(text)
    assert text.partition("//")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("app.db", "no ://"),
        ("postgresql://u:geheim@h:port/x", "port"),
        ("postgresql://u:ge@heim@h/x", "written %40"),
        ("postgresql://u:ge@he im@h:5432/x", "a blank %20"),
        ("postgresql//u:geheim@h/x", "no ://"),
        ("postgresql://u:geheim@h", "names no database"),
        ("postgresql://u:geheim@h/", "names no database"),
        ("sqlite://app.db", "three slashes"),
        ("sqlite:////a.db?speed=high", "no option speed"),
        ("sqlite:////a.db?mode=ro", "starts with file:"),
        ("sqlite:////a.db?uri=true", "starts with file:"),
        ("geheim", "no ://"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text, words):
    with pytest.raises(DatabaseUrlError, match=words) as caught:
        canonical(text)
    assert "DATABASE_URL (environment)" in str(caught.value)
    assert "heim@" not in str(caught.value)
    assert "he im" not in str(caught.value)


def test_a_masked_password_is_recognised():
    text = str(make_url("postgresql://u:geheim@h/x"))

    with pytest.raises(MaskedUrlError, match="Write the real one"):
        canonical(text)


def test_a_url_object_is_taken_as_it_is():
    assert urls.path_of(canonical(URL.create("sqlite", database="/a?b=c #.db"))) == Path("/a?b=c #.db")


def test_the_drivers_own_options_are_left_to_the_router():
    url = canonical("sqlite:////a.db?timeout=3&check_same_thread=false&isolation_level=IMMEDIATE")

    assert dict(url.query) == {"timeout": "3"}


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+aiosqlite://"])
def test_private_memory_has_one_name(text):
    url = canonical(text)

    assert url == URL.create("sqlite")
    assert urls.private_memory(url)
    assert urls.in_memory(url)
    assert urls.path_of(url) is None


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///file:/name?vfs=memdb&uri=true",
        "sqlite:///file:/name?vfs=memdb",
        "sqlite:///file:name?mode=memory&cache=shared&uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
    ],
)
def test_shared_memory_is_memory_but_not_private(text):
    url = canonical(text)

    assert urls.in_memory(url)
    assert not urls.private_memory(url)
    assert urls.path_of(url) is None
    assert url.query["uri"] == "true"


def test_a_file_uri_keeps_its_options_and_is_placed_like_a_path():
    url = canonical("sqlite:///file:app.db?mode=ro&uri=true")

    assert url.database == "file:/srv/app/instance/app.db"
    assert url.query["mode"] == "ro"
    assert urls.path_of(url) == Path("/srv/app/instance/app.db")


def test_a_file_uri_with_an_authority_is_absolute():
    assert urls.path_of(canonical("sqlite:///file:///var/app.db?uri=true")) == Path("/var/app.db")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgres://u@db/x", "postgresql+asyncpg://u@DB:5432/x", True),
        ("postgres://u@db/x", "postgres://u@db:5433/x", False),
        ("postgres://u@db/x", "postgres://u@db/y", False),
        ("sqlite:///x.db", "sqlite:///instance/x.db", True),
        ("sqlite:///x.db", "sqlite:///y.db", False),
    ],
)
def test_two_spellings_of_a_database_are_the_same(one, other, same):
    assert urls.same(canonical(one), canonical(other)) is same


def test_a_relative_path_has_several_meanings(tmp_path):
    root, cwd = tmp_path / "project", tmp_path / "cwd"
    for folder in (root / "instance", cwd):
        folder.mkdir(parents=True)
    (cwd / "app.db").touch()

    found = urls.meanings("sqlite:///app.db", root, cwd=cwd)

    assert [(meaning.path, meaning.used, meaning.exists) for meaning in found] == [
        (root / "instance" / "app.db", True, False),
        (root / "app.db", False, False),
        (cwd / "app.db", False, True),
    ]


def test_a_path_that_names_instance_could_be_nested_but_is_not(tmp_path):
    found = urls.meanings("sqlite:///instance/app.db", tmp_path, cwd=tmp_path)

    assert [meaning.path for meaning in found if meaning.used] == [tmp_path / "instance" / "app.db"]
    assert tmp_path / "instance" / "instance" / "app.db" in [meaning.path for meaning in found]


@pytest.mark.parametrize("text", ["sqlite:////a.db", "sqlite://", "postgresql://h/x", "sqlite:///file:///a?uri=true"])
def test_only_relative_paths_have_several_meanings(text):
    assert urls.meanings(text, ROOT) == ()


def test_a_url_object_has_meanings_too():
    assert len(urls.meanings(URL.create("sqlite", database="x.db"), ROOT, cwd=Path("/c"))) == 3


def test_a_url_object_of_a_server_has_none():
    assert urls.meanings(URL.create("postgresql", database="x"), ROOT) == ()
