"""Makes the Flask application: settings, router, session, blueprints, errors as JSON, and the scheduler."""

import atexit
import json
import logging

import click
from flask import Flask, Response, abort, request
from flask.cli import ScriptInfo
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cronjobs import bootstrap
from cronjobs.flask_app import blueprints
from cronjobs.flask_app.blueprints import metrics
from cronjobs.flask_app.edge import Parts
from cronjobs.flask_app.headers import Headers
from cronjobs.scheduler import gate
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.measures import Measures
from cronjobs.services.errors import ServiceError
from cronjobs.settings import Settings
from cronjobs.web import problems, requests
from cronjobs.web.problems import Problem
from crossfade.errors import UnreachableError, WritesFrozenError
from crossfade.flask import SQLAlchemy
from crossfade.router import Router

PREFIX = "/api"

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, *, router: Router | None = None) -> Flask:
    """The application on the routes that the environment asks for, or on those of `router`.

    Opens no connection, except that it creates the schema of a database in memory, which nobody else could.
    Raises SettingsError and the router's configuration errors.
    """
    made = bootstrap.parts("flask", settings, router)
    app = Flask(__name__, instance_path=str(made.settings.root / "instance"), static_folder=None)
    app.config.update(
        TESTING=made.settings.testing,
        SECRET_KEY=made.settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=requests.LARGEST_BODY,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        # An exception is answered by the handlers below in tests too, as it is in production.
        PROPAGATE_EXCEPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_refuse_nul_in_path)
    db = SQLAlchemy(made.router)
    db.init_app(app)
    for blueprint in blueprints.every():
        app.register_blueprint(blueprint, url_prefix=PREFIX)
    # Where Prometheus looks by itself; the front door leads to what is below the prefix alone.
    app.register_blueprint(metrics.blueprint, name="metrics-at-the-root")
    _answer_errors_as_json(app)
    app.wsgi_app = Headers(app.wsgi_app, made.settings)  # type: ignore[method-assign]  # as Flask's documentation does
    if router is None:
        # Registered before the scheduler's stop, so called after it.
        atexit.register(made.router.dispose)
    courier = Courier(made.settings)
    atexit.register(courier.stop)
    measures = Measures()
    scheduler = gate.open_scheduler(made.router, made.settings, "flask", measures=measures) if _serves() else None
    if scheduler is not None:
        atexit.register(scheduler.stop)
    app.extensions["cronjobs"] = Parts(made.settings, made.router, db, courier, measures, scheduler)
    return app


def _refuse_nul_in_path() -> None:
    # No database could look for what it names. FastAPI's twin is `fastapi_app.paths`.
    if "\x00" in request.path:
        abort(404)


def _serves() -> bool:
    """Whether the app is made to answer requests: `flask shell` and `flask routes` must not fire jobs."""
    context = click.get_current_context(silent=True)
    return context is None or context.find_object(ScriptInfo) is None or context.info_name == "run"


def _answer_errors_as_json(app: Flask) -> None:
    @app.errorhandler(ServiceError)
    def refused(error: ServiceError) -> Response:
        return _answer(problems.of(error))

    @app.errorhandler(HTTPException)
    def bare(error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed):
            return _answer(problems.of_method(error.valid_methods or ()))
        # Such as Allow. Not Content-Type, which is that of the page that this answer replaces.
        headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        return _answer(problems.of_status(error.code or 500, headers))

    @app.errorhandler(IntegrityError)
    def collided(_: IntegrityError) -> Response:
        return _answer(problems.of_collision())

    @app.errorhandler(WritesFrozenError)
    def frozen(_: WritesFrozenError) -> Response:
        return _answer(problems.of_frozen())

    @app.errorhandler(OperationalError)
    @app.errorhandler(UnreachableError)
    def unreachable(error: Exception) -> Response:
        logger.error("%s %s: the database failed: %s", request.method, request.path, error)
        return _answer(problems.of_unreachable())

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
        return _answer(problems.of_status(500))


def _answer(problem: Problem) -> Response:
    body = json.dumps(problem.body, ensure_ascii=False, separators=(",", ":"))
    response = Response(body, problem.status, mimetype="application/json")
    response.headers.update(problem.headers)
    return response
