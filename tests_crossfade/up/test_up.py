"""`crossfade up` with somebody else's project: real processes, really killed."""

import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "sample"


@pytest.fixture
def folders(temporary):
    """The private folders that are there now."""
    return lambda: list(temporary.glob("crossfade-*"))


@pytest.fixture(scope="module")
def place(free_port):
    """The port of `shop`."""
    return free_port()


@pytest.fixture(scope="module")
def shop(run_once, place, tmp_path_factory):
    """One that serves, for tests that leave it as it is."""
    folder = shutil.copytree(SAMPLE, tmp_path_factory.mktemp("shop") / "shared-bookshop")
    words = ["up", "--port", str(place)]
    return run_once(sys.executable, "-m", "crossfade", *words, cwd=folder, PORT="1").serving()


def test_both_stacks_answer_at_one_address_on_one_database(shop, http):
    added = http.post(f"{shop.address}/api/books", {"title": "Emma"})

    assert added.status == 201
    assert http.ask(f"{shop.address}/api/v2/books").json[-1] == "Emma"
    assert http.ask(f"{shop.address}/openapi.json").status == 200
    assert http.ask(f"{shop.address}/docs").status == 200
    assert http.ask(f"{shop.address}/elsewhere").json["error"] == "Not found"


def test_both_stacks_answer_on_one_postgresql_database(up, http, database):
    shop = up(DATABASE_URL=database).serving()

    http.post(f"{shop.address}/api/books", {"title": "Emma"})

    assert http.ask(f"{shop.address}/api/v2/books").json == [f"sold at {shop.address}", "Emma"]


def test_a_new_database_gets_demo_data_once(up, http):
    first = up().serving()
    books = http.ask(f"{first.address}/api/books").json
    first.signal(signal.SIGTERM)
    first.ended()
    second = up().serving()

    assert books == [f"sold at {first.address}"]
    assert first.out.count("password: open-sesame") == 1
    assert "password" not in second.out + second.err
    assert http.ask(f"{second.address}/api/books").json == books


def test_a_database_that_init_made_gets_demo_data_too(up, http, crossfade):
    crossfade("init")

    shop = up().serving()

    assert shop.out.count("password: open-sesame") == 1
    assert http.ask(f"{shop.address}/api/books").json == [f"sold at {shop.address}"]


def test_production_gets_no_demo_data(up, http):
    shop = up(APP_ENV="production").serving()

    assert "password" not in shop.out
    assert http.ask(f"{shop.address}/api/books").json == []


def test_databases_apart_are_each_made_and_filled(up, http):
    shop = up(FASTAPI_DATABASE_URL="sqlite:///own.db").serving()

    http.ask(
        f"{shop.address}/api/books", method="POST", body=b'{"title": "Emma"}', **{"Content-Type": "application/json"}
    )

    assert "(of the flask stack)" in shop.out
    assert "(of the fastapi stack)" in shop.out
    assert "Emma" not in http.ask(f"{shop.address}/api/v2/books").json


def test_a_test_run_serves_disposable_databases(up, http, bookshop, folders):
    (bookshop / "instance").mkdir()
    with sqlite3.connect(bookshop / "instance" / "cron_jobs.db") as untouched:
        untouched.execute("CREATE TABLE precious (id)")
    untouched.close()
    before = (bookshop / "instance" / "cron_jobs.db").read_bytes()

    shop = up(TESTING="true").serving()
    books = http.ask(f"{shop.address}/api/books").json, http.ask(f"{shop.address}/api/v2/books").json
    shop.signal(signal.SIGTERM)
    shop.ended()

    assert books == ([f"sold at {shop.address}"], [f"sold at {shop.address}"])
    assert (bookshop / "instance" / "cron_jobs.db").read_bytes() == before
    assert folders() == []


def test_stacks_that_share_memory_in_a_test_run_share_a_file_here(up, http):
    shop = up(TESTING="true", TEST_DATABASE_URL="sqlite://").serving()

    http.ask(
        f"{shop.address}/api/books", method="POST", body=b'{"title": "Emma"}', **{"Content-Type": "application/json"}
    )

    assert "Emma" in http.ask(f"{shop.address}/api/v2/books").json


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_after_the_requests_under_way_and_leaves_nothing(up, http, bookshop, folders, number):
    shop = up().serving()
    inside = http.inhabitants(bookshop)
    assert len(folders()) == 1
    answers = []
    url = f"{shop.address}/api/slow?seconds=1.5"
    asking = threading.Thread(target=lambda: answers.append(http.ask(url)))
    asking.start()
    time.sleep(0.5)
    shop.signal(number)
    asking.join()

    assert answers[0].json == {"slept": True}
    assert shop.ended() == 0
    assert len(inside) >= 4  # the front door, gunicorn, its worker, uvicorn
    assert http.inhabitants(bookshop) == set()
    assert folders() == []
    assert "Traceback" not in shop.err


def test_a_signal_that_arrives_twice_at_once_is_one(up, http):
    shop = up().serving()
    answers = []
    url = f"{shop.address}/api/slow?seconds=1.5"
    asking = threading.Thread(target=lambda: answers.append(http.answers(url)))
    asking.start()
    time.sleep(0.5)
    shop.signal(signal.SIGTERM)
    shop.signal(signal.SIGTERM)
    asking.join()

    assert answers[0].json == {"slept": True}
    assert shop.ended() == 0


def test_a_second_signal_does_not_wait(up, http, bookshop):
    shop = up().serving()
    answers = []
    url = f"{shop.address}/api/slow?seconds=120"
    asking = threading.Thread(target=lambda: answers.append(http.answers(url)))
    asking.start()
    time.sleep(0.5)
    shop.signal(signal.SIGINT)
    time.sleep(1)
    shop.signal(signal.SIGINT)

    assert shop.ended() == 0
    asking.join()
    assert answers[0] is None or answers[0].status == 502
    assert http.inhabitants(bookshop) == set()


def test_a_signal_while_the_stacks_start_stops_everything(up, http, bookshop, folders):
    shop = up()
    http.eventually(lambda: len(http.inhabitants(bookshop)) > 1)
    shop.signal(signal.SIGINT)

    assert shop.ended() == 0
    assert "serves" not in shop.out
    assert http.inhabitants(bookshop) == set()
    assert folders() == []


def test_no_stack_outlives_a_front_door_that_was_killed(up, http, bookshop, folders):
    shop = up().serving()
    shop.signal(signal.SIGKILL)
    shop.ended()

    http.eventually(lambda: http.inhabitants(bookshop) == set())
    assert folders() == []


def test_no_busy_stack_outlives_a_front_door_that_was_killed(up, http, bookshop):
    shop = up().serving()
    url = f"{shop.address}/api/slow?seconds=120"
    asking = threading.Thread(target=lambda: http.answers(url))
    asking.start()
    time.sleep(0.5)
    shop.signal(signal.SIGKILL)
    shop.ended()
    asking.join()

    http.eventually(lambda: http.inhabitants(bookshop) == set())


def test_a_stack_that_dies_is_started_again_while_the_other_answers(up, http):
    shop = up().serving()
    paths = {"flask": "/api/process", "fastapi": "/api/v2/process"}
    for stack, other in (("flask", "fastapi"), ("fastapi", "flask")):
        path = paths[stack]
        before = http.ask(f"{shop.address}{path}").json
        os.kill(before.get("server", before["process"]), signal.SIGKILL)
        while_it_is_down = {http.ask(f"{shop.address}{path}").status for _ in range(3)}

        assert while_it_is_down <= {502, 200}
        assert http.ask(f"{shop.address}{paths[other]}").status == 200
        http.eventually(lambda stack=stack: f"[{stack}] was ended by SIGKILL; it is started again in 1 s" in shop.err)
        after = http.eventually(
            lambda path=path: (answer := http.ask(f"{shop.address}{path}")).status == 200 and answer
        ).json
        assert after["process"] != before["process"]
        # Nobody but the new process is left of the stack.
        http.eventually(lambda before=before: before["process"] not in http.inhabitants(shop.folder))


def test_a_worker_that_dies_is_replaced_by_its_server(shop, http):
    before = http.ask(f"{shop.address}/api/process").json
    os.kill(before["process"], signal.SIGKILL)

    after = http.eventually(lambda: (answer := http.ask(f"{shop.address}/api/process")).status == 200 and answer).json

    assert after["server"] == before["server"]
    assert after["process"] != before["process"]


def test_a_stack_that_cannot_start_ends_it_all_with_its_last_words(up, http, bookshop):
    shop = up(BROKEN="flask")

    assert shop.ended() == 1
    assert "error: The flask application did not start" in shop.err
    assert "the shop is on fire" in shop.err
    assert "hunter2" not in shop.err
    assert "serves" not in shop.out
    assert http.inhabitants(bookshop) == set()


def test_what_a_stack_prints_carries_its_name_and_no_secret(shop):

    assert "[flask] flask is made; see postgresql://owner:***@till/books" in shop.err
    assert "hunter2" not in shop.out + shop.err


def test_a_taken_port_is_one_line_before_any_database_is_touched(refused, bookshop):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shop = refused(PORT=str(port))

        assert shop.returncode == 1
    assert shop.stderr.count("\n") == 1
    assert f"Can't listen on 127.0.0.1, port {port}: another program uses it" in shop.stderr
    assert not (bookshop / "instance").exists()


def test_the_option_goes_before_the_variable(shop, place):
    assert shop.address == f"http://127.0.0.1:{place}"


@pytest.mark.parametrize("port", ["http", "65536", "-1"])
def test_a_port_that_is_none_is_refused(refused, port):
    shop = refused(PORT=port)

    assert shop.returncode == 2
    assert shop.stderr == f"error: --port (or PORT): {port!r} is not a port, write a number from 0 to 65535.\n"


def test_an_address_of_another_machine_is_refused(refused):
    shop = refused("--host", "192.0.2.1")

    assert shop.returncode == 1
    assert shop.stderr.startswith("error: Can't listen on 192.0.2.1, port 0")


def test_a_name_that_is_no_address_is_refused(refused):
    shop = refused("--host", "nowhere.invalid")

    assert shop.returncode == 1
    assert "nowhere.invalid is not an address of this machine" in shop.stderr


def test_a_folder_that_cannot_be_written_is_one_line(refused, bookshop):
    # Root may write anywhere but here.
    (bookshop / "instance").symlink_to("/proc")
    shop = refused()

    assert shop.returncode == 3
    assert shop.stderr.count("\n") == 1
    assert "cron_jobs.db" in shop.stderr


def test_a_file_in_the_folders_place_is_one_line(refused, bookshop):
    (bookshop / "instance").write_text("")
    shop = refused()

    assert shop.returncode == 3
    assert shop.stderr.count("\n") == 1


def test_an_unreachable_database_is_one_line_without_its_password(refused):
    shop = refused(DATABASE_URL="postgresql://owner:hunter2@127.0.0.1:1/books")

    assert shop.returncode == 3
    assert shop.stderr.count("\n") == 1
    assert "DATABASE_URL (environment)" in shop.stderr
    assert "hunter2" not in shop.stderr


def test_a_variable_that_cannot_be_used_is_one_line(refused, bookshop):
    shop = refused(TESTING="perhaps")

    assert shop.returncode == 2
    assert "TESTING='perhaps' (environment)" in shop.stderr
    assert shop.stderr.count("\n") == 1
    assert not (bookshop / "instance").exists()


def test_outside_of_any_project_it_says_so(in_process, tmp_path):
    shop = in_process("up", cwd=tmp_path, CROSSFADE_PROJECT=str(tmp_path))

    assert shop.returncode == 2
    assert "CROSSFADE_PROJECT" in shop.stderr


def test_a_project_of_one_stack_is_served_too(up, http, bookshop):
    file = bookshop / "pyproject.toml"
    file.write_text(file.read_text().replace('flask = "bookshop.flask_app:create_app"\n', ""))
    shop = up().serving()

    assert http.ask(f"{shop.address}/api/v2/books").status == 200
    assert http.ask(f"{shop.address}/api/books").status == 404


def test_a_project_without_a_stack_is_nothing_to_serve(refused, bookshop):
    file = bookshop / "pyproject.toml"
    lines = [line for line in file.read_text().splitlines() if "_app:" not in line]
    file.write_text("\n".join(lines))
    shop = refused()

    assert shop.returncode == 1
    assert "neither a Flask nor a FastAPI application" in shop.stderr


def test_the_project_says_which_paths_go_where(up, http, bookshop):
    file = bookshop / "pyproject.toml"
    file.write_text(file.read_text() + '[tool.crossfade.front]\n"/" = "fastapi"\n"/api/books" = "flask"\n')
    shop = up().serving()

    assert http.ask(f"{shop.address}/api/v2/books").status == 200
    assert http.ask(f"{shop.address}/api/books").status == 200
    assert http.ask(f"{shop.address}/elsewhere").json == {"detail": "Not Found"}


def test_a_deep_folder_for_temporary_files_is_no_obstacle(up, http, tmp_path):
    deep = tmp_path.joinpath(*["a" * 30] * 4)
    deep.mkdir(parents=True)
    shop = up(TMPDIR=str(deep)).serving()

    assert http.ask(f"{shop.address}/api/books").status == 200
    shutil.rmtree(deep)


def test_both_stacks_know_the_clients_address_and_believe_no_one_else(shop, http):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Host": "shop.example"}
    flask = http.ask(f"{shop.address}/api/mirror", **forged).json
    fastapi = http.ask(f"{shop.address}/api/v2/mirror", **forged).json

    for seen in (flask, fastapi):
        assert (seen["address"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", "shop.example")


def test_a_client_that_leaves_stops_the_stream_in_its_stack(shop, http, tmp_path):
    note = tmp_path / "note"
    host, port = shop.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET /api/v2/drip?note={note} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while b"drop" not in connection.recv(1024):
            pass

    assert http.eventually(note.exists)


def test_a_refusal_before_the_body_is_read_reaches_the_client(shop, http):
    body = b"x" * (8 * 1024 * 1024)

    statuses = [http.ask(f"{shop.address}/api/refuse", method="POST", body=body).status for _ in range(10)]

    assert set(statuses) == {413}
