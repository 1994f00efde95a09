"""Whatever can't be meant is one clear message before the first test, and nothing from the depths."""

import pytest

TEST = "def test_it(sync_session):\n    print('it ran')\n"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--crossfade-db=mysql", "'mysql' is no database: write sqlite, postgres, both or a URL"),
        ("--crossfade-db=sqlite:///customers.db", "its name doesn't have the word `test` in it"),
        ("--crossfade-db=postgresql://db.example.com/x_test", "it is on another machine"),
        ("--crossfade-db=postgresql://127.0.0.1:1/x_test", "Nothing accepts connections"),
        ("--crossfade-db=sqlite://", "in the memory of one process"),
        ("--crossfade-postgres=docker", "'docker' is no PostgreSQL: write embedded or testcontainers"),
        ("--override-ini=crossfade_isolation=none", "'none' is not an isolation: write"),
    ],
)
def test_what_can_not_be_meant_ends_the_run_before_the_first_test(suite, option, said) -> None:
    outcome = suite(TEST, option)

    assert outcome.code == 4, outcome.said
    assert said in outcome.said
    assert "Traceback" not in outcome.said
    assert "it ran" not in outcome.said


def test_a_database_that_is_not_for_tests_is_not_touched(suite, bookshop, server) -> None:
    url = server.database("customers_test").render_as_string(hide_password=False)
    fill = "import psycopg, sys\nwith psycopg.connect(sys.argv[1]) as c: c.execute('CREATE TABLE customers (id int)')"
    look = "import psycopg, sys\nwith psycopg.connect(sys.argv[1]) as c: c.execute('SELECT * FROM customers')"
    run_python(fill, url)

    outcome = suite(TEST, f"--crossfade-db={url}")

    assert "it has tables, but no stamp" in outcome.said
    assert "it ran" not in outcome.said
    run_python(look, url)


def test_a_mark_that_can_not_be_meant_fails_its_test_in_one_sentence(suite) -> None:
    marked = "import pytest\n@pytest.mark.crossfade(isolation='rollback')\n"

    outcome = suite(marked + TEST)

    assert "'rollback' is not an isolation: write restore" in outcome.said
    assert "Traceback" not in outcome.said


def test_testcontainers_says_in_one_line_why_it_is_not_to_be_had(suite) -> None:
    outcome = suite(TEST, "--crossfade-db=postgres", "--crossfade-postgres=testcontainers", DOCKER_HOST="tcp://[::1]:1")

    assert outcome.code == 4
    assert "--crossfade-postgres testcontainers can't be had here: " in outcome.said
    assert "Traceback" not in outcome.said


def run_python(code: str, *arguments: str) -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
