"""Whatever can't be meant is one clear message before the first test, and nothing from the depths."""

from sqlalchemy import create_engine, inspect

TEST = "def test_it(sync_session):\n    print('it ran')\n"

MEANINGLESS = {
    "--crossfade-db=mysql": "'mysql' is no database: write sqlite, postgres, both or a URL",
    "--crossfade-db=sqlite:///customers.db": "its name doesn't have the word `test` in it",
    "--crossfade-db=postgresql://db.example.com/x_test": "it is on another machine",
    "--crossfade-db=postgresql://127.0.0.1:1/x_test": "Nothing accepts connections",
    "--crossfade-db=sqlite://": "in the memory of one process",
    "--crossfade-postgres=sqlite:///x_test.db": "sqlite:////",
    "--crossfade-postgres=postgresql://db.example.com/postgres": "it is on another machine",
    "--crossfade-postgres=docker": "'docker' is no PostgreSQL: write embedded or testcontainers",
    "--override-ini=crossfade_isolation=none": "'none' is not an isolation: write",
}


def test_what_can_not_be_meant_ends_the_run_before_the_first_test(bookshop, refusals) -> None:
    (bookshop / "test_it.py").write_text(TEST)

    refusals(bookshop, [([option], {}, said) for option, said in MEANINGLESS.items()])


def test_a_machine_is_asked_only_if_it_is_this_one_or_listed(bookshop, refusals) -> None:
    (bookshop / "test_it.py").write_text(TEST)
    url = "postgresql://nowhere.invalid/x_test"
    asked, listed = "has no address", "--override-ini=crossfade_hosts=other nowhere.invalid"

    refusals(
        bookshop,
        [
            ([], {"TEST_DATABASE_URL": url}, "it is on another machine"),
            ([listed], {"TEST_DATABASE_URL": url}, asked),
            ([f"--crossfade-db={url}", listed], {}, asked),
            (["--crossfade-db=postgres", f"--crossfade-postgres={url}", listed], {}, asked),
        ],
    )


def test_who_may_not_create_databases_is_told_once(bookshop, refusals, server) -> None:
    (bookshop / "test_it.py").write_text(TEST)
    engine = create_engine(server.url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    engine.dispose()
    url = server.url.set(username="reader", database="x_test").render_as_string(hide_password=False)

    refusals(bookshop, [([f"--crossfade-db={url}"], {}, "reader may not create databases on postgresql://reader")])


def test_in_a_folder_without_a_project_who_asks_for_something_is_told(tmp_path, refusals) -> None:
    (tmp_path / "test_it.py").write_text(TEST)

    refusals(
        tmp_path,
        [
            (["--crossfade-db=postgresql://u:hidden@h/x"], {}, "postgresql://u:***@h/x', but there is no project"),
            (["--override-ini=crossfade_db=both"], {}, "'both', but there is no project"),
        ],
    )


def test_a_database_that_is_not_for_tests_is_not_touched_nor_one_that_a_worker_would_use(
    bookshop, refusals, server
) -> None:
    url = server.database("customers_test_gw1")
    (bookshop / "test_it.py").write_text(TEST)
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id int)")
    alone, workers = (each.render_as_string(hide_password=False) for each in (url, url.set(database="customers_test")))

    said = "it has tables, but no stamp"
    refusals(bookshop, [([f"--crossfade-db={alone}"], {}, said), ([f"--crossfade-db={workers}", "-n2"], {}, said)])

    assert inspect(engine).get_table_names() == ["customers"]
    engine.dispose()
