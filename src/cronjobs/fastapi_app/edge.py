"""What a router needs of a request: its session, its caller, its body, its query, and how to answer.

The twin of `cronjobs.flask_app.edge`. Order of an endpoint's parameters: the caller (401, 403), the body (400), a
`Reader` or a `Writer` for the one service.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request, Response
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from cronjobs.fastapi_app.document import refuses, takes
from cronjobs.models import User
from cronjobs.models.users import ADMIN, USER
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.gate import Ticking
from cronjobs.scheduler.measures import Measures
from cronjobs.services import accounts, permissions
from cronjobs.settings import Settings
from cronjobs.web import requests
from cronjobs.web.requests import B
from cronjobs.web.schemas.answers import Answer
from crossfade import fastapi as adapter
from crossfade.database.sessions import WriteSession
from crossfade.fastapi import Reader, Reading, Writer, Writing
from crossfade.router import Router

__all__ = [
    "Admin",
    "Anchor",
    "AppCourier",
    "AppRouter",
    "AppSettings",
    "Body",
    "Client",
    "Editor",
    "OptionalBody",
    "Parts",
    "Query",
    "Reader",
    "SignedIn",
    "Writer",
    "authorization",
    "parts",
    "raw_body",
    "release",
    "reply",
]


P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Parts:
    """What the factory made for the app."""

    settings: Settings
    router: Router
    courier: Courier
    measures: Measures
    scheduler: Ticking | None = None
    """None where the gate keeps it off, and before the app has started."""


# The dependencies are async although some await nothing: FastAPI sends plain functions to a thread, each time anew.
async def parts(request: Request) -> Parts:
    """The parts of the app that serves this request; a dependency."""
    made: Parts = request.app.state.cronjobs
    return made


async def _settings(made: Annotated[Parts, Depends(parts)]) -> Settings:
    return made.settings


async def _router(made: Annotated[Parts, Depends(parts)]) -> Router:
    return made.router


AppSettings = Annotated[Settings, Depends(_settings)]


async def _courier(made: Annotated[Parts, Depends(parts)]) -> Courier:
    return made.courier


AppCourier = Annotated[Courier, Depends(_courier)]
"""Who carries news out of the house, once they are true."""
AppRouter = Annotated[Router, Depends(_router)]
"""The app's router, for endpoints that need units of work of their own."""


class AnchorUnits:
    """Services on the anchor database, which may be another one than the request's."""

    def __init__(self, router: Router, session: AsyncSession) -> None:
        self._router = router
        self._session = session

    async def read(self, service: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What a service finds there."""
        if self._is_own():
            return await Reading(self._session).run(service, *args, **kwargs)
        async with self._router.async_session(self._router.routes.anchor.stack) as session:
            return await Reading(session).run(service, *args, **kwargs)

    async def write(
        self, service: Callable[Concatenate[WriteSession, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, of one that writes: with the request, or at once where it is another database."""
        if self._is_own():
            return await Writing(self._session).run(service, *args, **kwargs)
        async with self._router.async_session(self._router.routes.anchor.stack) as session:
            return await Writing(session).run(service, *args, **kwargs)

    def _is_own(self) -> bool:
        return self._router.route("fastapi").url == self._router.routes.anchor.url


async def _anchor(router: AppRouter, session: Annotated[AsyncSession, Depends(adapter.session)]) -> AnchorUnits:
    return AnchorUnits(router, session)


Anchor = Annotated[AnchorUnits, Depends(_anchor)]

# For the padlock in /docs alone: the header is read by the parser that both stacks share.
_documented = OAuth2PasswordBearer(tokenUrl="/api/v2/auth/login/form", auto_error=False)


def authorization(request: Request) -> str | None:
    """The header; of one that is repeated, all, as a WSGI server has them: two who sign a request are nobody."""
    return ",".join(request.headers.getlist("Authorization")) or None


@refuses(401)
async def _signed_in(
    request: Request, _: Annotated[str | None, Depends(_documented)], settings: AppSettings, reader: Reader
) -> User:
    return await reader.run(accounts.authenticate, requests.bearer(authorization(request)), settings)


SignedIn = Annotated[User, Depends(_signed_in)]
"""Who sent the request: 401 otherwise."""


def _having(*roles: str) -> Callable[[User], Awaitable[User]]:
    @refuses(403)
    async def checked(user: SignedIn) -> User:
        permissions.require(user, *roles)
        return user

    return checked


Admin = Annotated[User, Depends(_having(ADMIN))]
Editor = Annotated[User, Depends(_having(ADMIN, USER))]


async def _client(request: Request) -> str | None:
    return (request.client.host or None) if request.client else None


Client = Annotated[str | None, Depends(_client)]
"""The address that the request came from, as the server in front says; None where it says nothing."""


@refuses(413)
async def raw_body(request: Request) -> bytes:
    """The request's body; 413 when it is larger than allowed, without reading the rest. Also a dependency.

    A client that leaves in the middle is no fault of ours: its half of a request is a bad one, which nobody hears.
    """
    largest = requests.LARGEST_BODY
    declared = request.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > largest:
        raise HTTPException(413)
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) > largest:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(read)


def Body(schema: type[B]) -> Any:  # noqa: N802 - reads as FastAPI's own markers do
    """A dependency: the request's JSON body as `schema`, by the parser that both stacks share (400)."""

    @takes("application/json", schema.model_json_schema())
    async def parsed(request: Request) -> B:
        return requests.parse(schema, await raw_body(request))

    return Depends(parsed)


def OptionalBody(schema: type[B]) -> Any:  # noqa: N802 - as Body
    """As `Body`; no body at all is an empty object."""

    @takes("application/json", schema.model_json_schema(), required=False)
    async def parsed(request: Request) -> B:
        return requests.parse(schema, await raw_body(request) or b"{}")

    return Depends(parsed)


async def release(reader: Reading, router: Router) -> None:
    """Ends the request's transaction before a slow call, in which no connection is held; what was read stays readable.

    For endpoints that go on with units of work of their own.
    """
    if router.lent("fastapi") is None:
        await reader.session.commit()


async def _query(request: Request) -> dict[str, str]:
    first: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        first.setdefault(key, value)
    return first


Query = Annotated[dict[str, str], Depends(_query)]
"""The query's parameters; of one that is repeated, the first."""


def reply(answer: Answer, status: int = 200) -> Response:
    """The answer as JSON."""
    return Response(answer.model_dump_json(), status, media_type="application/json")
