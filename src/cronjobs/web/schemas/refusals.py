"""The shapes of errors: what a client finds in an answer of each status from 400 on, and in its headers.

Which endpoint answers which is left to the OpenAPI document, which finds it out from what the endpoints declare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import Field

from cronjobs.web.schemas.answers import Refusal


class InvalidRequest(Refusal):
    """A request with a value that is missing, malformed or against a rule."""

    missing_fields: list[str] = Field(default_factory=list, description="Only where required fields are missing.")


class TooManyAttempts(Refusal):
    """Something that was tried too often."""

    retry_after: int = Field(description="In how many seconds to try again.")


@dataclass(frozen=True)
class Kind:
    """Errors of one status."""

    meaning: str
    shape: type[Refusal] = Refusal
    headers: Mapping[str, str] = field(default_factory=dict)
    """What each header that comes with it says."""


_AGAIN = {"Retry-After": "In how many seconds to try again."}

KINDS: Mapping[HTTPStatus, Kind] = {
    HTTPStatus.BAD_REQUEST: Kind("A value is missing, malformed or against a rule", InvalidRequest),
    HTTPStatus.UNAUTHORIZED: Kind(
        "There is no token, it is good no more, or the password is wrong",
        headers={"WWW-Authenticate": "`Bearer`: what is asked for."},
    ),
    HTTPStatus.FORBIDDEN: Kind("The role may not do this, or it is somebody else's"),
    HTTPStatus.NOT_FOUND: Kind("There is no such thing"),
    HTTPStatus.CONFLICT: Kind("It collides with something that is there already"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind("The body has more than a mebibyte"),
    HTTPStatus.TOO_MANY_REQUESTS: Kind(
        "There were too many failed logins, of this account or from this address", TooManyAttempts, _AGAIN
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Kind("Something went wrong that nobody expected; it was logged"),
    HTTPStatus.SERVICE_UNAVAILABLE: Kind("The database is out of reach, or can't be written to now", headers=_AGAIN),
}
"""Every status that an error of the contract has, but for 405: it says that there is no such endpoint."""
