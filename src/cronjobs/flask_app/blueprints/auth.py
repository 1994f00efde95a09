"""Signing in, users, and their preferences."""

from flask import Blueprint, Response, request

from cronjobs.flask_app.edge import body, client, raw_body, read, release, reply, router, settings, signed_in, write
from cronjobs.models import User
from cronjobs.models.users import ADMIN
from cronjobs.services import accounts, attempts, permissions, preferences, tokens
from cronjobs.services.attempts import Attempt
from cronjobs.services.errors import WrongPasswordError
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
from crossfade.database.sessions import begin_write

blueprint = Blueprint("auth", __name__)


@blueprint.post("/auth/login")
def login() -> Response:
    given = body(SignIn)
    return _signed_in(given.identifier, given.password)


@blueprint.post("/auth/login/form")
def login_form() -> Response:
    given = requests.parse_form(SignInForm, raw_body())
    return _signed_in(given.username, given.password)


@blueprint.post("/auth/refresh")
def refresh() -> Response:
    token = accounts.refresh(read(), _bearer(), settings())
    return reply(Refreshed(access_token=token, expires_in=tokens.lifetime(settings(), "access")))


@blueprint.post("/auth/logout")
def logout() -> Response:
    signed_in()
    accounts.logout(write(), _bearer(), settings())
    return reply(LoggedOut())


@blueprint.get("/auth/verify")
def verify() -> Response:
    return reply(Verified.of(signed_in()))


@blueprint.get("/auth/me")
def me() -> Response:
    return reply(UserObject.model_validate(signed_in()))


@blueprint.post("/auth/register")
def register() -> Response:
    caller = signed_in(ADMIN)
    given = body(Register)
    user = accounts.register(read(), given.user(), caller=caller)
    return reply(UserCreated.of(user), 201)


@blueprint.get("/auth/users")
def users() -> Response:
    signed_in(ADMIN)
    found = accounts.users(read())
    return reply(UserList.of(found))


@blueprint.get("/auth/users/<user_id>")
def user(user_id: str) -> Response:
    _oneself(user_id)
    found = accounts.user(read(), user_id)
    return reply(OneUser.of(found))


@blueprint.put("/auth/users/<user_id>")
def change(user_id: str) -> Response:
    caller = _oneself(user_id)
    changes = body(Update).changes()
    changed = accounts.change(read(), user_id, changes, caller=caller)
    return reply(UserUpdated.of(changed, changes))


@blueprint.delete("/auth/users/<user_id>")
def remove(user_id: str) -> Response:
    caller = signed_in(ADMIN)
    removed = accounts.remove(write(), user_id, caller=caller)
    return reply(UserDeleted.of(removed))


@blueprint.get("/auth/users/<user_id>/preferences")
def notification_preferences(user_id: str) -> Response:
    _oneself(user_id)
    found = preferences.notifications(read(), user_id)
    return reply(NotificationPreferencesShown.read(found))


@blueprint.put("/auth/users/<user_id>/preferences")
def change_notification_preferences(user_id: str) -> Response:
    _oneself(user_id)
    given = body(NotificationChoices)
    changed = preferences.change_notifications(write(), user_id, given.changes())
    return reply(NotificationPreferencesShown.changed(changed))


@blueprint.get("/auth/users/<user_id>/ui-preferences")
def ui_preferences(user_id: str) -> Response:
    _oneself(user_id)
    shown = preferences.columns(read(), user_id)
    return reply(UiPreferencesShown.of(shown))


@blueprint.put("/auth/users/<user_id>/ui-preferences")
def change_ui_preferences(user_id: str) -> Response:
    _oneself(user_id)
    given = body(ColumnChoices)
    shown = preferences.set_columns(write(), user_id, given.jobs_table_columns)
    return reply(UiPreferencesShown.of(shown))


def _signed_in(identifier: str, password: str) -> Response:
    attempt = Attempt.by(identifier, client(), settings())
    try:
        found = accounts.login(read(), identifier=identifier, password=password, settings=settings(), attempt=attempt)
    except WrongPasswordError:
        # The request's own transaction is undone with the refusal.
        release()
        with router().session("flask") as session:
            attempts.failed(begin_write(session), attempt)
        raise
    return reply(LoggedIn.of(found))


def _oneself(user_id: str) -> User:
    """The caller, who is an admin or the user in the path."""
    caller = signed_in()
    permissions.require_self(caller, user_id)
    return caller


def _bearer() -> str:
    return requests.bearer(request.headers.get("Authorization"))
