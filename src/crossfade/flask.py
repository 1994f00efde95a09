"""Flask's side of the router: Flask-SQLAlchemy on the router's engines, one transaction a request.

    db = SQLAlchemy(router)
    db.init_app(app)

`db.engine` is the router's engine at every look, plain SQLAlchemy models work with `db.session`, and what the view
changed is committed when its answer succeeded (a status below 400), rolled back otherwise. A lent session is used
instead of an own one and neither committed nor closed.
"""

from collections.abc import Mapping
from typing import Any

import flask_sqlalchemy
import sqlalchemy
from flask import Flask, Response, g
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import orm
from sqlalchemy.orm import Session
from typing_extensions import override

from crossfade.database.loans import Borrowing
from crossfade.errors import ConfigurationError, SessionLentError
from crossfade.router import Router
from crossfade.routes import Stack


class SQLAlchemy(flask_sqlalchemy.SQLAlchemy):
    """Flask-SQLAlchemy whose engine, and so its database, is the router's for a stack."""

    def __init__(self, router: Router, *, stack: Stack = "flask", **options: Any) -> None:
        """As Flask-SQLAlchemy's, but the database comes from `router`; `options` are passed on."""
        self.router = router
        self.stack = stack
        options["session_options"] = {"expire_on_commit": False} | options.get("session_options", {})
        super().__init__(**options)

    @override
    def init_app(self, app: Flask) -> None:
        """Registers on the app, and settles its transactions.

        Raises ConfigurationError when the app names a database of its own: two sources could differ.
        """
        for key in ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS"):
            if app.config.get(key):
                raise ConfigurationError(reason=f"app.config[{key!r}] is set, but the router decides: take it out")
        # Flask-SQLAlchemy wants a URL before it registers; `_make_engine` below pays no heed to it.
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
        super().init_app(app)
        app.config["SQLALCHEMY_DATABASE_URI"] = None
        app.before_request(self._borrow)
        app.after_request(self._settle)

    @property
    @override
    def engines(self) -> Mapping[str | None, sqlalchemy.Engine]:
        """The router's engine, looked up at each call: a router that was configured anew is followed."""
        return {None: self.router.engine(self.stack)}

    @override
    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> sqlalchemy.Engine:
        return self.router.engine(self.stack)

    @override
    def _make_scoped_session(self, options: dict[str, Any]) -> orm.scoped_session[FlaskSession]:
        own = super()._make_scoped_session(options)
        return _LendableSession(own.session_factory, own.registry.scopefunc)

    def _borrow(self) -> None:
        """A request that runs on a lent session does so in a savepoint, which a refusal undoes."""
        lent = self.router.lent(self.stack)
        if isinstance(lent, Session):
            g.crossfade_loan = Borrowing(lent)
        elif lent is not None:
            raise SessionLentError(wanted="A sync session", lent="an async one")

    def _settle(self, response: Response) -> Response:
        """Commit before the answer leaves, so that a failing commit is an error and not a lie."""
        succeeded = response.status_code < 400  # noqa: PLR2004 - where HTTP's errors begin
        loan: Borrowing | None = g.pop("crossfade_loan", None)
        if loan is not None:
            loan.end(keep=succeeded)
        elif self.session.registry.has():
            own = self.session.registry()
            if succeeded:
                own.commit()
            else:
                own.rollback()
        return response


class _LendableSession(orm.scoped_session[Any]):
    """A scoped session that gives way to the one that the request borrowed."""

    @override
    def __call__(self, **options: Any) -> Any:
        loan: Borrowing | None = g.get("crossfade_loan")
        return super().__call__(**options) if loan is None else loan.session

    @property
    @override
    def _proxied(self) -> Any:
        return self()
