"""Requests and answers about signing in, users and their preferences."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from cronjobs.models import User, UserNotificationPreferences
from cronjobs.services import credentials
from cronjobs.services.accounts import Changes, Login, NewUser
from cronjobs.services.preferences import DEFAULT_COLUMNS
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer, Instant

Role = Literal["admin", "user", "viewer"]
Username = Annotated[str, AfterValidator(credentials.username)]
Email = Annotated[str, AfterValidator(credentials.email)]
NewPassword = Annotated[str, AfterValidator(credentials.password)]
GivenPassword = Annotated[str, Field(max_length=credentials.LONGEST_PASSWORD, repr=False)]
Identifier = Annotated[str, Field(max_length=320)]
"""A username or an address, as somebody typed it: longer than the longest address is nobody's."""


class _Explicit(Body):
    """A body in which a field is given a value or left out: null would be neither."""

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_no_value(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("null is no value: leave the field out")
        return value


class SignIn(Body):
    """POST auth/login: a username or an e-mail address, under either name."""

    username: Identifier | None = None
    email: Identifier | None = None
    password: GivenPassword

    @model_validator(mode="after")
    def _somebody_is_named(self) -> Self:
        if not self.identifier:
            raise ValueError("send a username or an email")
        return self

    @property
    def identifier(self) -> str:
        """Who signs in."""
        return self.username or self.email or ""


class SignInForm(_Explicit):
    """POST auth/login/form: OAuth2's password grant; `username` may be an e-mail address."""

    username: Annotated[Identifier, Field(min_length=1)]
    password: GivenPassword
    grant_type: Literal["password"] = "password"


class Register(_Explicit):
    """POST auth/register."""

    username: Username
    email: Email
    password: Annotated[NewPassword, Field(repr=False)]
    role: Role = "viewer"
    is_active: bool = True

    def user(self) -> NewUser:
        """The user to be."""
        return NewUser(**dict(self))


class Update(_Explicit):
    """PUT auth/users/{id}: what is left out stays."""

    email: Email | None = None
    password: Annotated[NewPassword | None, Field(repr=False)] = None
    role: Role | None = None
    is_active: bool | None = None

    def changes(self) -> Changes:
        """What to change."""
        return Changes(**dict(self))


class NotificationChoices(_Explicit):
    """PUT auth/users/{id}/preferences: what is left out stays."""

    email_on_job_success: bool | None = None
    email_on_job_failure: bool | None = None
    email_on_job_disabled: bool | None = None
    browser_notifications: bool | None = None
    daily_digest: bool | None = None
    weekly_report: bool | None = None

    def changes(self) -> dict[str, bool]:
        """What to change."""
        return self.model_dump(exclude_unset=True)


class ColumnChoices(_Explicit):
    """PUT auth/users/{id}/ui-preferences: columns that nobody knows are dropped."""

    jobs_table_columns: dict[str, bool]

    @field_validator("jobs_table_columns", mode="before")
    @classmethod
    def _known_columns(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shown for name, shown in value.items() if name in DEFAULT_COLUMNS}
        return value


class UserObject(Answer):
    """A user, without the password."""

    id: str
    username: str
    email: str
    role: str
    is_active: bool
    created_at: Instant | None
    updated_at: Instant | None


class LoggedIn(Answer):
    """Who signed in, and the tokens."""

    success: bool = True
    message: str = "Login successful"
    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - a scheme
    user: UserObject

    @classmethod
    def of(cls, login: Login) -> Self:
        """The answer to a login."""
        return cls(
            access_token=login.access_token,
            refresh_token=login.refresh_token,
            user=UserObject.model_validate(login.user),
        )


class Refreshed(Answer):
    """A new access token, and the seconds it lives."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a scheme
    expires_in: int


class LoggedOut(Answer):
    """The token is worthless now."""

    success: bool = True
    message: str = "Logout successful"


class Verified(Answer):
    """Whose token it is."""

    valid: bool = True
    user_id: str
    username: str
    role: str

    @classmethod
    def of(cls, user: User) -> Self:
        """The answer about a good token."""
        return cls(user_id=user.id, username=user.username, role=user.role)


class UserCreated(Answer):
    """A user was made."""

    success: bool = True
    message: str = "User created successfully"
    user: UserObject

    @classmethod
    def of(cls, user: User) -> Self:
        """The answer about the new user."""
        return cls(user=UserObject.model_validate(user))


class UserList(Answer):
    """All users."""

    count: int
    users: list[UserObject]

    @classmethod
    def of(cls, users: Sequence[User]) -> Self:
        """The answer about these users."""
        return cls(count=len(users), users=[UserObject.model_validate(user) for user in users])


class OneUser(Answer):
    """A user."""

    user: UserObject

    @classmethod
    def of(cls, user: User) -> Self:
        """The answer about this user."""
        return cls(user=UserObject.model_validate(user))


class UserUpdated(Answer):
    """What was changed of a user."""

    message: str = "User updated successfully"
    updated_fields: list[str]
    user: UserObject

    @classmethod
    def of(cls, user: User, changes: Changes) -> Self:
        """The answer to these changes, which the user has had."""
        return cls(updated_fields=changes.fields, user=UserObject.model_validate(user))


class UserReference(Answer):
    """Who a user was."""

    id: str
    username: str


class UserDeleted(Answer):
    """A user is gone."""

    message: str = "User deleted successfully"
    deleted_user: UserReference

    @classmethod
    def of(cls, user: User) -> Self:
        """The answer about this user, who is gone."""
        return cls(deleted_user=UserReference.model_validate(user))


class NotificationPreferences(Answer):
    """What a user wants to be told."""

    email_on_job_success: bool
    email_on_job_failure: bool
    email_on_job_disabled: bool
    browser_notifications: bool
    daily_digest: bool
    weekly_report: bool


class NotificationPreferencesShown(Answer):
    """What a user wants to be told, asked for or changed."""

    message: str
    preferences: NotificationPreferences

    @classmethod
    def read(cls, preferences: UserNotificationPreferences) -> Self:
        """The answer to a question."""
        return cls._of(preferences, "Preferences retrieved successfully")

    @classmethod
    def changed(cls, preferences: UserNotificationPreferences) -> Self:
        """The answer to a change."""
        return cls._of(preferences, "Preferences updated successfully")

    @classmethod
    def _of(cls, preferences: UserNotificationPreferences, message: str) -> Self:
        return cls(message=message, preferences=NotificationPreferences.model_validate(preferences))


class UiPreferences(Answer):
    """Which columns of the job table a user sees."""

    jobs_table_columns: dict[str, bool]


class UiPreferencesShown(Answer):
    """Which columns of the job table a user sees, asked for or changed."""

    preferences: UiPreferences

    @classmethod
    def of(cls, columns: dict[str, bool]) -> Self:
        """The answer about these columns."""
        return cls(preferences=UiPreferences(jobs_table_columns=columns))
