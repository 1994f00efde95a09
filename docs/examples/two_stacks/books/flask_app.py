"""Flask's half: answers below /api."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from books import services
from books.services import DuplicateError, NewBook
from crossfade.flask import SQLAlchemy
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


def create_app(router: Router | None = None) -> Flask:
    """The application, on a router of its own or on the one that a test gives it."""
    app = Flask(__name__)
    db = SQLAlchemy(router or Router(Settings.load(root=Project.find().root), name="flask:web"))
    db.init_app(app)

    @app.get("/api/books")
    def titles() -> ResponseReturnValue:
        return jsonify(services.titles(db.session()))

    @app.post("/api/books")
    def add() -> ResponseReturnValue:
        return jsonify(id=services.add(db.session(), NewBook.model_validate(request.get_json()))), 201

    @app.errorhandler(DuplicateError)
    def duplicate(error: DuplicateError) -> ResponseReturnValue:
        return jsonify(detail=str(error)), 409

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> ResponseReturnValue:
        return jsonify(detail=error.errors(include_url=False)), 422

    return app
