"""The Flask half."""

import os
import signal
import time

from flask import Flask, Response, jsonify, request
from sqlalchemy import select

from bookshop.models import Book
from crossfade.flask import SQLAlchemy
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


def create_app():
    """The application."""
    if os.environ.get("BROKEN") == "flask":
        raise RuntimeError("the shop is on fire; postgresql://owner:hunter2@till/books")
    app = Flask(__name__)
    db = SQLAlchemy(Router(Settings.load(root=Project.find().root), name="flask:web"))
    db.init_app(app)

    @app.get("/api/books")
    def books():
        return jsonify([book.title for book in db.session.scalars(select(Book).order_by(Book.id))])

    @app.post("/api/books")
    def add():
        db.session.add(Book(title=request.json["title"]))
        return jsonify(added=request.json["title"]), 201

    @app.route("/api/mirror", methods=["GET", "POST"])
    def mirror():
        return jsonify(
            address=request.remote_addr,
            scheme=request.scheme,
            host=request.host,
            headers=list(request.headers),
            length=len(request.get_data()),
        )

    @app.post("/api/refuse")
    def refuse():
        # Nothing of the body is read.
        return jsonify(error="Too large", message="No."), 413

    @app.get("/api/process")
    def process():
        return jsonify(process=os.getpid(), server=os.getppid())

    @app.post("/api/die")
    def die():
        os.kill(os.getppid(), signal.SIGKILL)
        return Response(status=204)

    @app.get("/api/slow")
    def slow():
        time.sleep(float(request.args["seconds"]))
        return jsonify(slept=True)

    print("flask is made; see postgresql://owner:hunter2@till/books", flush=True)  # noqa: T201  a secret, said aloud
    return app
