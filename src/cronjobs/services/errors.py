"""What services refuse, and why. What each means over HTTP is said once, in `web.problems`.

ServiceError
├── InvalidError            a value that can't be accepted
│   ├── InvalidPolicyError      a policy that nobody knows
│   └── InvalidScheduleError    a job that can't be planned
│       ├── InvalidCronError    an expression that is no schedule
│       └── InvalidZoneError    a time zone that nobody knows
├── UnauthenticatedError    nobody, or nobody any more
│   └── WrongPasswordError  a name and a password that don't belong together
├── ForbiddenError          somebody, but not allowed to
├── NotFoundError           no such thing
├── ConflictError           there is one already
└── TooManyError            too often, for now
"""

from typing import Any, ClassVar


class ServiceError(Exception):
    """A request that a service refuses: a short title, a sentence for the caller, and named extras."""

    title: ClassVar[str] = "Refused"

    def __init__(self, message: str, *, error: str | None = None, **extras: Any) -> None:
        """`message` is a sentence for people; `error` replaces the class's short title; `extras` join the answer."""
        super().__init__(message)
        self.message = message
        self.error = error or self.title
        self.extras = extras


class InvalidError(ServiceError):
    """A value that is missing, malformed or against a rule."""

    title = "Invalid request"


class InvalidPolicyError(InvalidError):
    """A policy of a job that nobody knows, or a number of one that is out of range."""

    title = "Invalid policy"


class InvalidScheduleError(InvalidError):
    """Something because of which nobody can say when a job is due."""

    title = "Invalid schedule"


class InvalidCronError(InvalidScheduleError):
    """An expression that is no schedule in its dialect."""

    title = "Invalid cron expression"


class InvalidZoneError(InvalidScheduleError):
    """A time zone that nobody knows."""

    title = "Invalid timezone"


class UnauthenticatedError(ServiceError):
    """No token, or one that is good no more."""

    title = "Unauthorized"


class WrongPasswordError(UnauthenticatedError):
    """A login under a name that is unknown, or with a password that isn't its own: one that is to be counted."""

    title = "Invalid credentials"


class ForbiddenError(ServiceError):
    """A role or an owner that may not do this."""

    title = "Forbidden"


class NotFoundError(ServiceError):
    """Something that does not exist."""

    title = "Not found"


class ConflictError(ServiceError):
    """Something that exists already."""

    title = "Conflict"


class TooManyError(ServiceError):
    """Something that was tried too often, and may be tried again later."""

    title = "Too many attempts"

    def __init__(self, message: str, *, retry_after: int) -> None:
        """`retry_after`: in how many seconds."""
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after
