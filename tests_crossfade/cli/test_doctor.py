"""`crossfade doctor`: each misconfiguration is provoked, and found."""

import json
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def findings(here):
    """Runs the doctor, and returns its findings by code. The exit code agrees with them."""

    def diagnose(**variables):
        result = here("doctor", "--json", **variables)
        report = json.loads(result.stdout)
        assert result.returncode == (1 if report["findings"] else 0)
        assert report["ok"] is not bool(report["findings"])
        assert "hunter2" not in result.stdout + result.stderr
        found = {}
        for finding in report["findings"]:
            assert finding["severity"] in {"error", "warning"}
            assert finding["message"]
            assert finding["remedy"]
            found.setdefault(finding["code"], []).append(finding)
        return found

    return diagnose


@pytest.fixture
def ready(here):
    """The databases are there."""
    assert here("init").returncode == 0


@pytest.mark.usefixtures("ready")
def test_a_project_in_order_has_no_findings(findings):
    assert findings() == {}


@pytest.mark.usefixtures("ready")
def test_for_people_it_says_that_all_is_well(here):
    result = here("doctor")

    assert (result.returncode, result.stdout) == (0, "Nothing to complain about.\n")


@pytest.mark.usefixtures("ready")
def test_a_command_of_the_project_s_that_is_not_there(findings, bookshop):
    file = bookshop / "pyproject.toml"
    file.write_text(file.read_text() + 'ghost = "bookshop.nowhere:app"\n')

    (finding,) = findings()["project"]

    assert "commands.ghost" in finding["message"]


def test_for_people_each_finding_has_its_remedy_below(here):
    result = here("doctor")

    assert result.returncode == 1
    assert result.stdout.startswith("error database-missing: ")
    assert "\n  Run `crossfade init`" in result.stdout


def test_a_missing_database(findings, bookshop):
    (finding,) = findings()["database-missing"]

    assert "cron_jobs.db" in finding["message"]
    assert "crossfade init" in finding["message"] + finding["remedy"]
    assert not (bookshop / "instance" / "cron_jobs.db").exists()


def test_a_variable_that_cannot_be_used_is_a_finding_and_no_crash(findings):
    found = findings(TESTING="perhaps", DB_PORT="many")["settings"]

    assert len(found) == 2
    assert "TESTING='perhaps' (environment)" in found[1]["message"] + found[0]["message"]
    assert "DB_PORT" in found[1]["message"] + found[0]["message"]


def test_two_sources_that_disagree(findings):
    (finding,) = findings(
        DATABASE_URL="postgresql://owner:hunter2@one/books",
        DB_ENGINE="postgresql",
        DB_NAME="books",
        DB_HOST="two",
        DB_USER="owner",
    )["sources-disagree"]

    assert "DATABASE_URL (environment)" in finding["message"]
    assert "DB_HOST (environment)" in finding["message"]


def test_a_relative_path_that_means_a_file_elsewhere(findings, bookshop):
    (bookshop / "shop.db").touch()

    (finding,) = findings(DATABASE_URL="sqlite:///shop.db")["relative-path"]

    assert finding["severity"] == "error"
    assert str(bookshop / "shop.db") in finding["message"]


def test_a_relative_path_that_means_two_files(findings, here, bookshop):
    assert here("init", DATABASE_URL="sqlite:///shop.db").returncode == 0
    (bookshop / "shop.db").touch()

    (finding,) = findings(DATABASE_URL="sqlite:///shop.db")["relative-path"]

    assert finding["severity"] == "warning"
    assert f"takes {bookshop}/instance/shop.db, but {bookshop}/shop.db exists too" in finding["message"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_for_two_stacks(findings, url):
    (finding,) = findings(DATABASE_URL=url)["private-memory"]

    assert "DATABASE_URL (environment)" in finding["message"]
    assert "sqlite:///name.db" in finding["remedy"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("books.db", "database-url"),
        ("mysql://owner:hunter2@till/books", "driver-not-supported"),
        ("postgresql://owner:***@till/books", "masked-url"),
    ],
)
def test_a_url_that_cannot_be_read(findings, url, code):
    assert "DATABASE_URL" in findings(DATABASE_URL=url)[code][0]["message"]


def test_a_server_that_is_not_there(findings):
    (finding,) = findings(DATABASE_URL="postgresql://owner:hunter2@127.0.0.1:1/books")["host-refused"]

    assert "DATABASE_URL (environment)" in finding["message"]


def test_a_host_without_an_address(findings, bookshop):
    (bookshop / ".env").write_text("DATABASE_URL=postgresql://owner:hunter2@till.invalid/books\n")

    (finding,) = findings()["host-unknown"]

    assert "till.invalid" in finding["message"]
    assert f"DATABASE_URL ({bookshop}/.env)" in finding["message"]


@pytest.mark.usefixtures("ready")
def test_a_database_that_lacks_a_revision(findings, bookshop):
    step = bookshop / "bookshop" / "revisions" / "versions" / "0001_pre_books.py"
    text = step.read_text().replace('"0001"', '"0002"').replace("None", '"0001"', 1)
    text = text[: text.index("def upgrade")] + "def upgrade():\n    pass\n"
    step.with_name("0002_pre_nothing.py").write_text(text)

    (finding,) = findings()["schema"]

    assert "0002" in finding["message"]


@pytest.mark.usefixtures("ready")
def test_a_database_that_was_changed_by_hand(findings, bookshop):
    with closing(sqlite3.connect(bookshop / "instance" / "cron_jobs.db")) as connection:
        connection.execute("ALTER TABLE books ADD COLUMN price INTEGER")

    assert any("price" in finding["message"] for finding in findings()["schema"])


@pytest.mark.usefixtures("ready")
def test_a_database_that_is_meant_for_something_else(findings):
    (finding,) = findings(APP_ENV="production")["stamp"]

    assert "is stamped development, but this environment is production" in finding["message"]


@pytest.mark.usefixtures("ready")
def test_a_database_that_is_frozen(findings, here):
    here("freeze", "--reason", "moving, postgresql://u:hunter2@h/x")

    (finding,) = findings()["writes-frozen"]

    assert finding["severity"] == "warning"
    assert "moving" in finding["message"]
    assert "crossfade thaw" in finding["remedy"]


def test_databases_that_should_be_two_and_are_one(findings, here, bookshop):
    assert here("init").returncode == 0
    (bookshop / "instance" / "own.db").hardlink_to(bookshop / "instance" / "cron_jobs.db")

    (finding,) = findings(FASTAPI_DATABASE_URL="sqlite:///own.db")["one-database"]

    assert "FASTAPI_DATABASE_URL" in finding["message"]


@pytest.mark.usefixtures("ready")
def test_what_only_the_application_knows(findings):
    assert findings(HAUNTED="1")["ghosts"] == [
        {"code": "ghosts", "severity": "warning", "message": "the shop is haunted", "remedy": "Unset HAUNTED."}
    ]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("part", ["checks", "settings"])
def test_a_part_of_the_project_that_is_not_there(findings, bookshop, part):
    file = bookshop / "pyproject.toml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(part)]
    file.write_text("\n".join([*kept, f'{part} = "bookshop.nothing:here"']))

    (finding,) = findings()["project"]

    assert part in finding["message"]


def test_a_project_file_that_cannot_be_read(findings, bookshop):
    (bookshop / "pyproject.toml").write_text('[tool.crossfade]\ncolour = "red"\n')

    (finding,) = findings()["project"]

    assert "colour" in finding["message"]


def test_databases_apart_that_are_in_order(findings, here):
    own = {"FASTAPI_DATABASE_URL": "sqlite:///own.db"}
    assert here("init", **own).returncode == 0

    assert findings(**own) == {}


def test_databases_of_two_kinds_that_are_in_order(findings, here, database):
    own = {"FASTAPI_DATABASE_URL": database}
    assert here("init", **own).returncode == 0

    assert findings(**own) == {}


def test_one_postgresql_database_under_two_names(findings, here, database):
    name, _, rest = database.partition("?")
    two = {"DATABASE_URL": database, "FASTAPI_DATABASE_URL": f"{name}?application_name=other&{rest}"}
    assert here("init", **two).returncode == 0

    assert list(findings(**two)) == ["one-database"]


def test_a_test_run_in_order(findings, here):
    assert here("init", TESTING="1").returncode == 0

    assert findings(TESTING="1") == {}


def test_a_file_that_is_not_ours_is_a_finding_and_not_touched(findings, bookshop):
    (bookshop / "instance").mkdir()
    file = bookshop / "instance" / "cron_jobs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (id)")
    before = file.read_bytes()

    assert "recipes" in findings()["schema"][0]["message"] + findings()["schema"][0]["remedy"]
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["cron_jobs.db"]


@pytest.mark.usefixtures("ready")
def test_a_project_without_checks_of_its_own(findings, bookshop):
    file = bookshop / "pyproject.toml"
    file.write_text(
        "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("checks"))
    )

    assert findings(HAUNTED="1") == {}


def test_on_postgresql_a_project_in_order_has_no_findings(findings, here, database):
    assert here("init", DATABASE_URL=database).returncode == 0

    assert findings(DATABASE_URL=database) == {}
