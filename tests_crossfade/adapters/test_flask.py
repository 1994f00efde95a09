"""Flask-SQLAlchemy on the router's engines, and one transaction a request."""

import threading

import pytest
from flask import Flask, abort
from sqlalchemy import event, select

from crossfade.errors import ConfigurationError, SessionLentError
from crossfade.flask import SQLAlchemy
from crossfade.settings import Settings


@pytest.fixture
def db(router):
    return SQLAlchemy(router)


@pytest.fixture
def app(db, models):
    made = Flask(__name__)
    made.config["PROPAGATE_EXCEPTIONS"] = False
    db.init_app(made)

    @made.post("/books/<title>")
    def add(title):
        db.session.add(models.Book(title=title))
        return {"added": title}, 201

    @made.post("/returns/<int:status>/<title>")
    def returns(status, title):
        db.session.add(models.Book(title=title))
        db.session.flush()
        return {"status": status}, status

    @made.post("/raises/<title>")
    def raises(title):
        db.session.add(models.Book(title=title))
        db.session.flush()
        abort(409)

    @made.post("/breaks/<title>")
    def breaks(title):
        db.session.add(models.Book(title=title))
        db.session.flush()
        raise RuntimeError("broken")

    @made.get("/books")
    def books():
        return sorted(db.session.scalars(select(models.Book.title)))

    return made


def test_its_engine_is_the_routers(app, db, router):
    with app.app_context():
        assert db.engine is router.engine("flask")
        assert db.engines == {None: router.engine("flask")}
        assert db.session.get_bind() is router.engine("flask")


def test_a_router_that_is_configured_anew_is_followed(app, db, router, tmp_path):
    with router.override(Settings(root=tmp_path, database_url="sqlite:////nowhere/other.db")), app.app_context():
        assert db.engine is router.engine("flask")
        assert db.engine.url.database == "/nowhere/other.db"


@pytest.mark.parametrize("key", ["SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS"])
def test_an_app_with_a_database_of_its_own_is_refused(db, key):
    app = Flask(__name__)
    app.config[key] = "sqlite:///app.db" if key.endswith("URI") else {"other": "sqlite://"}

    with pytest.raises(ConfigurationError, match=key):
        db.init_app(app)


def test_no_file_appears_in_a_folder_that_flask_makes_up(app, tmp_path):
    app.test_client().get("/books")

    assert not list(tmp_path.rglob("app.db*"))
    assert app.config["SQLALCHEMY_DATABASE_URI"] is None


def test_what_succeeded_is_committed(app, titles):
    assert app.test_client().post("/books/Emma").status_code == 201

    assert titles() == ["Emma"]


@pytest.mark.parametrize("path", ["/returns/400/Emma", "/returns/503/Emma", "/raises/Emma", "/breaks/Emma"])
def test_a_rejected_request_leaves_no_trace_however_it_was_rejected(app, titles, path):
    assert app.test_client().post(path).status_code >= 400

    assert titles() == []


def test_a_redirect_is_a_success(app, titles):
    app.test_client().post("/returns/303/Emma")

    assert titles() == ["Emma"]


def test_a_commit_that_fails_is_an_error_and_not_a_success(app, db, titles):
    def fails(_session):
        raise RuntimeError("the disk is full")

    with app.app_context():
        factory = db.session.session_factory
    event.listen(factory, "before_commit", fails)

    assert app.test_client().post("/books/Emma").status_code == 500
    assert titles() == []


def test_requests_in_several_threads_have_sessions_of_their_own(app, titles):
    statuses = []

    def add(number):
        statuses.append(app.test_client().post(f"/books/{number}").status_code)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [201] * 8
    assert len(titles()) == 8


def test_a_lent_session_is_used_and_neither_committed_nor_closed(app, router, titles, models):
    with router.session_factory("flask")() as session, router.lend(session):
        session.add(models.Book(title="Emma"))
        session.flush()
        client = app.test_client()

        assert client.post("/books/Persuasion").status_code == 201
        assert client.get("/books").json == ["Emma", "Persuasion"]
        assert session.in_transaction()
        session.rollback()

    assert titles() == []


def test_a_refusal_on_a_lent_session_undoes_the_requests_work_alone(app, router, models):
    with router.session_factory("flask")() as session, router.lend(session):
        session.add(models.Book(title="Emma"))
        session.flush()
        client = app.test_client()

        assert client.post("/raises/Persuasion").status_code == 409
        assert client.get("/books").json == ["Emma"]


async def test_a_lent_async_session_is_of_no_use_here(app, router):
    app.config["PROPAGATE_EXCEPTIONS"] = True
    async with router.async_session_factory("flask")() as session:
        with router.lend(session), pytest.raises(SessionLentError):
            app.test_client().get("/books")
    await router.adispose()
