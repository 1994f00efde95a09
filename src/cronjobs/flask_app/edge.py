"""What a blueprint needs of a request: its session, its caller, its body, its query, and how to answer.

The twin of `cronjobs.fastapi_app.edge`. Order in a view: the caller (401, 403), the body (400), one service.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from flask import Response, abort, current_app, request
from sqlalchemy.orm import Session

from cronjobs.models import User
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.gate import Ticking
from cronjobs.scheduler.measures import Measures
from cronjobs.services import accounts, permissions
from cronjobs.settings import Settings
from cronjobs.web import requests
from cronjobs.web.requests import B
from cronjobs.web.schemas.answers import Answer
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.flask import SQLAlchemy
from crossfade.router import Router

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What the factory made for the app."""

    settings: Settings
    router: Router
    db: SQLAlchemy
    courier: Courier
    measures: Measures
    scheduler: Ticking | None
    """None where the gate keeps it off."""


def parts() -> Parts:
    """The parts of the app that serves this request."""
    made: Parts = current_app.extensions["cronjobs"]
    return made


def settings() -> Settings:
    """The app's settings."""
    return parts().settings


def router() -> Router:
    """The app's router, for endpoints that need units of work of their own."""
    return parts().router


def courier() -> Courier:
    """Who carries news out of the house, once they are true."""
    return parts().courier


def read() -> Session:
    """The request's session."""
    session: Session = parts().db.session()
    return session


def write() -> WriteSession:
    """The request's session, ready to check and then write: takes SQLite's write lock now."""
    return begin_write(read())


def read_anchor(service: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a service finds in the anchor database, which may be another one than the request's."""
    if is_on_anchor():
        return service(read(), *args, **kwargs)
    with router().session(router().routes.anchor.stack) as session:
        return service(session, *args, **kwargs)


def write_anchor(service: Callable[Concatenate[WriteSession, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `read_anchor`, of one that writes: with the request, or at once where it is another database."""
    if is_on_anchor():
        return service(write(), *args, **kwargs)
    with router().session(router().routes.anchor.stack) as session:
        return service(begin_write(session), *args, **kwargs)


def is_on_anchor() -> bool:
    """Whether the request's database is the anchor."""
    return router().route("flask").url == router().routes.anchor.url


def release() -> None:
    """Ends the request's transaction before a slow call, in which no connection is held; what was read stays readable.

    For endpoints that go on with units of work of their own.
    """
    if router().lent("flask") is None:
        read().commit()


def signed_in(*roles: str) -> User:
    """Who sent the request. Raises UnauthenticatedError, or ForbiddenError unless it has one of `roles` (if any)."""
    user = accounts.authenticate(read(), requests.bearer(request.headers.get("Authorization")), settings())
    if roles:
        permissions.require(user, *roles)
    return user


def raw_body() -> bytes:
    """The request's body; 413 when it is larger than allowed."""
    raw = request.get_data()
    # Of a body that comes in chunks, Werkzeug reads as much as is allowed, and says nothing if there is more.
    if request.content_length is None and len(raw) == requests.LARGEST_BODY and request.environ["wsgi.input"].read(1):
        abort(413)
    return raw


def client() -> str | None:
    """The address that the request came from, as the server in front says; None where it says nothing."""
    return request.remote_addr or None


def body(schema: type[B]) -> B:
    """The request's JSON body as `schema`. Raises InvalidError."""
    return requests.parse(schema, raw_body())


def optional_body(schema: type[B]) -> B:
    """As `body`; no body at all is an empty object."""
    return requests.parse(schema, raw_body() or b"{}")


def query() -> Mapping[str, str]:
    """The query's parameters; of one that is repeated, the first."""
    return request.args


def reply(answer: Answer, status: int = 200) -> Response:
    """The answer as JSON."""
    return Response(answer.model_dump_json(), status, mimetype="application/json")
