"""`crossfade init` and scripts/init_fastapi_db.py as people run them, from any directory: some of them as processes."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from crossfade.revisions import Revisions

HEAD = Revisions("cronjobs.revisions").head


def names(home):
    return {path.name for path in (home / "instance").glob("*.db")}


def test_without_options_the_database_of_the_routes_is_made(started_script, home):
    ended = started_script()

    path = home / "instance" / "cron_jobs.db"
    assert ended.code == 0
    assert ended.out == (
        f"sqlite:///{path} (flask and fastapi, shared; the default): created, at revision {HEAD}, stamped development\n"
    )
    assert ended.err == ""
    assert names(home) == {"cron_jobs.db"}


def test_it_says_so_when_there_is_nothing_to_do(script):
    script()

    ended = script()

    assert ended.code == 0
    assert f"nothing to do, at revision {HEAD}" in ended.out


def test_separate_makes_a_database_of_fastapis_own(script, home):
    assert script("--separate").code == 0

    assert names(home) == {"cron_jobs.db", "fastapi_cron_jobs.db"}


def test_separate_makes_the_one_that_the_variable_names(script, home):
    assert script("--separate", FASTAPI_DATABASE_URL="sqlite:///mine.db").code == 0

    assert names(home) == {"cron_jobs.db", "mine.db"}


def test_test_makes_the_databases_for_tests_and_no_other(script, home):
    ended = script("--test")

    assert ended.code == 0
    assert names(home) == {"fastapi_test.db"}
    assert "lives in the memory of the process" in ended.out
    assert "stamped test" in ended.out


def test_test_and_separate_make_all(script, home):
    assert script("--test", "--separate").code == 0

    assert names(home) == {"cron_jobs.db", "fastapi_cron_jobs.db", "fastapi_test.db"}


def test_url_means_that_one_alone(script, home, tmp_path):
    ended = script("--url", f"sqlite:///{tmp_path}/elsewhere.db", DATABASE_URL="sqlite:///not_this.db")

    assert ended.code == 0
    assert (tmp_path / "elsewhere.db").is_file()
    assert names(home) == set()


def test_url_and_test_make_a_disposable_database(script, tmp_path):
    ended = script("--test", "--url", f"sqlite:///{tmp_path}/my_test.db")

    assert ended.code == 0
    assert "stamped test" in ended.out


def test_url_and_separate_exclude_each_other(script):
    ended = script("--separate", "--url", "sqlite:///x.db")

    assert ended.code == 2
    assert ended.err == "error: --url means one database, --separate means two: give one of them.\n"


def test_check_succeeds_after_init_and_fails_before(script):
    before = script("--check")
    script()
    after = script("--check")

    assert (before.code, after.code) == (1, 0)
    assert "There is no database" in before.out
    assert after.out.endswith(f"models, revisions and database agree ({HEAD})\n")


def test_json_says_the_same(script, home):
    answer = json.loads(script("--json").out)

    (database,) = answer["databases"]
    assert (answer["ok"], answer["errors"]) == (True, [])
    assert database["action"] == "created"
    assert database["url"] == f"sqlite:///{home}/instance/cron_jobs.db"
    assert database["stacks"] == ["flask", "fastapi"]


def test_a_check_that_fails_is_json_too(script):
    ended = script("--check", "--json")

    answer = json.loads(ended.out)
    assert ended.code == 1
    assert answer["ok"] is False
    assert "There is no database" in answer["databases"][0]["problems"][0]


def test_an_error_is_json_too(started_script):
    ended = started_script("--json", DATABASE_URL="mysql://localhost/x")

    answer = json.loads(ended.out)
    assert ended.code == 2
    assert answer["databases"] == []
    assert answer["errors"][0]["code"] == "driver-not-supported"


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("mysql://localhost/x", 2, "mysql:// is not supported"),
        ("postgresql://u:***@localhost/x", 2, "the password of postgresql://u:***@localhost/x is `***`"),
        ("sqlite:////dev/null/nowhere/x.db", 3, "can't be written"),
        ("postgresql://u:secret@no-such-host.invalid/x", 3, "The host no-such-host.invalid"),
        ("nonsense", 2, "nonsense is not a database URL"),
    ],
)
def test_a_database_that_can_not_be_used_is_one_clear_line(script, url, code, told):
    ended = script("--url", url)

    assert ended.code == code
    assert told in ended.err
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert "secret" not in ended.err
    assert ended.out == ""


def test_one_that_fails_does_not_keep_the_other_from_its_tables(script, home):
    ended = script(DATABASE_URL="sqlite:////dev/null/nowhere/x.db", FASTAPI_DATABASE_URL="sqlite:///own.db")

    assert ended.code == 3
    assert names(home) == {"own.db"}


def test_a_legacy_file_is_adopted_and_its_oddities_are_listed(script, file, legacy, home):
    legacy(file)
    (home / "instance").mkdir()
    shutil.move(file.path, home / "instance" / "cron_jobs.db")

    ended = script()

    assert ended.code == 0
    assert f"adopted from the legacy application, now at revision {HEAD}; every row was kept" in ended.out
    assert "  note: 1 execution is still marked running" in ended.out
    assert "  the file as it was is kept in " in ended.out


def test_a_foreign_file_is_refused_with_the_differences(script, file):
    file.run("CREATE TABLE customers (id INTEGER PRIMARY KEY)")

    ended = script("--url", f"sqlite:///{file.path}")

    assert ended.code == 3
    assert "the table customers is not part of the schema" in ended.err


def test_a_run_under_testing_does_not_touch_the_real_database(script, home):
    assert script(TESTING="true").code == 0
    assert names(home) == {"fastapi_test.db"}

    ended = script("--separate", TESTING="true")

    assert ended.code == 2
    assert "TESTING (environment) says that this is a test run" in ended.err


def test_a_python_without_the_packages_says_in_one_line_how_to_get_them(started_script, tmp_path):
    bare = Path(sys.base_prefix) / "bin" / "python3"

    ended = started_script(python=str(bare), PYTHONPATH="", PYTHONNOUSERSITE="1")

    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert (
        f"this Python ({bare}) can't load the packages (No module named 'crossfade'). Run `make install`" in ended.err
    )


def test_a_package_that_an_application_needs_and_that_is_missing_is_named(started_script, home):
    (home / "cron_needs").mkdir()
    (home / "cron_needs" / "__init__.py").write_text("import a_package_that_nobody_has\n")
    text = (home / "pyproject.toml").read_text()
    (home / "pyproject.toml").write_text(text.replace('"cronjobs.models:metadata"', '"cron_needs:metadata"'))

    ended = started_script(PYTHONPATH=str(home))

    assert ended.code == 2
    assert "has no package a_package_that_nobody_has; `make install`" in ended.err
    assert ended.err.count("\n") == 1


def test_the_script_works_without_a_word_about_where_the_project_is(started_script):
    ended = started_script("--help", CROSSFADE_PROJECT="")

    assert ended.code == 0
    assert "--separate" in ended.out
