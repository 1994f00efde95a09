"""Signing in, users, and their preferences."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cronjobs.fastapi_app.document import refuses, refusing, takes
from cronjobs.fastapi_app.edge import (
    Admin,
    AppRouter,
    AppSettings,
    Body,
    Client,
    Reader,
    SignedIn,
    Writer,
    authorization,
    raw_body,
    release,
    reply,
)
from cronjobs.models import User
from cronjobs.services import accounts, attempts, permissions, preferences, tokens
from cronjobs.services.attempts import Attempt
from cronjobs.services.errors import WrongPasswordError
from cronjobs.settings import Settings
from cronjobs.web import requests
from cronjobs.web.schemas.accounts import (
    ColumnChoices,
    LoggedIn,
    LoggedOut,
    NotificationChoices,
    NotificationPreferencesShown,
    OneUser,
    Refreshed,
    Register,
    SignIn,
    SignInForm,
    UiPreferencesShown,
    Update,
    UserCreated,
    UserDeleted,
    UserList,
    UserObject,
    UserUpdated,
    Verified,
)
from crossfade.fastapi import Reading, Writing
from crossfade.router import Router

router = APIRouter(tags=["auth"])


@refuses(403)
async def _oneself(user_id: str, caller: SignedIn) -> User:
    permissions.require_self(caller, user_id)
    return caller


@refuses(401)
def _bearer(request: Request) -> str:
    return requests.bearer(authorization(request))


@takes("application/x-www-form-urlencoded", SignInForm.model_json_schema())
async def _form(request: Request) -> SignInForm:
    return requests.parse_form(SignInForm, await raw_body(request))


@dataclass(frozen=True)
class _Desk:
    """What a login needs of a request, besides what it says."""

    client: str | None
    settings: Settings
    reader: Reading
    units: Router


async def _desk(client: Client, settings: AppSettings, reader: Reader, units: AppRouter) -> _Desk:
    return _Desk(client, settings, reader, units)


async def _signed_in(identifier: str, password: str, desk: _Desk) -> Response:
    attempt = Attempt.by(identifier, desk.client, desk.settings)
    try:
        found = await desk.reader.run(
            accounts.login, identifier=identifier, password=password, settings=desk.settings, attempt=attempt
        )
    except WrongPasswordError:
        # The request's own transaction is undone with the refusal.
        await release(desk.reader, desk.units)
        async with desk.units.async_session("fastapi") as session:
            await Writing(session).run(attempts.failed, attempt)
        raise
    return reply(LoggedIn.of(found))


Oneself = Annotated[User, Depends(_oneself)]
"""The caller, who is an admin or the user in the path."""
Bearer = Annotated[str, Depends(_bearer)]
Desk = Annotated[_Desk, Depends(_desk)]


@router.post("/auth/login", response_model=LoggedIn, responses=refusing(401, 429))
async def login(given: Annotated[SignIn, Body(SignIn)], desk: Desk) -> Response:
    return await _signed_in(given.identifier, given.password, desk)


@router.post("/auth/login/form", response_model=LoggedIn, responses=refusing(401, 429))
async def login_form(given: Annotated[SignInForm, Depends(_form)], desk: Desk) -> Response:
    return await _signed_in(given.username, given.password, desk)


@router.post("/auth/refresh", response_model=Refreshed)
async def refresh(bearer: Bearer, settings: AppSettings, reader: Reader) -> Response:
    token = await reader.run(accounts.refresh, bearer, settings)
    return reply(Refreshed(access_token=token, expires_in=tokens.lifetime(settings, "access")))


@router.post("/auth/logout", response_model=LoggedOut)
async def logout(_: SignedIn, bearer: Bearer, settings: AppSettings, writer: Writer) -> Response:
    await writer.run(accounts.logout, bearer, settings)
    return reply(LoggedOut())


@router.get("/auth/verify", response_model=Verified)
async def verify(caller: SignedIn) -> Response:
    return reply(Verified.of(caller))


@router.get("/auth/me", response_model=UserObject)
async def me(caller: SignedIn) -> Response:
    return reply(UserObject.model_validate(caller))


@router.post("/auth/register", status_code=201, response_model=UserCreated, responses=refusing(409))
async def register(caller: Admin, given: Annotated[Register, Body(Register)], reader: Reader) -> Response:
    user = await reader.run(accounts.register, given.user(), caller=caller)
    return reply(UserCreated.of(user), 201)


@router.get("/auth/users", response_model=UserList)
async def users(_: Admin, reader: Reader) -> Response:
    found = await reader.run(accounts.users)
    return reply(UserList.of(found))


@router.get("/auth/users/{user_id}", response_model=OneUser)
async def user(user_id: str, _: Oneself, reader: Reader) -> Response:
    found = await reader.run(accounts.user, user_id)
    return reply(OneUser.of(found))


@router.put("/auth/users/{user_id}", response_model=UserUpdated, responses=refusing(409))
async def change(user_id: str, caller: Oneself, given: Annotated[Update, Body(Update)], reader: Reader) -> Response:
    changes = given.changes()
    changed = await reader.run(accounts.change, user_id, changes, caller=caller)
    return reply(UserUpdated.of(changed, changes))


@router.delete("/auth/users/{user_id}", response_model=UserDeleted, responses=refusing(400))
async def remove(user_id: str, caller: Admin, writer: Writer) -> Response:
    removed = await writer.run(accounts.remove, user_id, caller=caller)
    return reply(UserDeleted.of(removed))


@router.get("/auth/users/{user_id}/preferences", response_model=NotificationPreferencesShown)
async def notification_preferences(user_id: str, _: Oneself, reader: Reader) -> Response:
    found = await reader.run(preferences.notifications, user_id)
    return reply(NotificationPreferencesShown.read(found))


@router.put("/auth/users/{user_id}/preferences", response_model=NotificationPreferencesShown)
async def change_notification_preferences(
    user_id: str, _: Oneself, given: Annotated[NotificationChoices, Body(NotificationChoices)], writer: Writer
) -> Response:
    changed = await writer.run(preferences.change_notifications, user_id, given.changes())
    return reply(NotificationPreferencesShown.changed(changed))


@router.get("/auth/users/{user_id}/ui-preferences", response_model=UiPreferencesShown)
async def ui_preferences(user_id: str, _: Oneself, reader: Reader) -> Response:
    shown = await reader.run(preferences.columns, user_id)
    return reply(UiPreferencesShown.of(shown))


@router.put("/auth/users/{user_id}/ui-preferences", response_model=UiPreferencesShown)
async def change_ui_preferences(
    user_id: str, _: Oneself, given: Annotated[ColumnChoices, Body(ColumnChoices)], writer: Writer
) -> Response:
    shown = await writer.run(preferences.set_columns, user_id, given.jobs_table_columns)
    return reply(UiPreferencesShown.of(shown))
