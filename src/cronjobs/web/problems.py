"""The one table from error to status, and the one shape of an error: `{"error": short, "message": sentence, ...}`.

Every layer of both stacks answers through here: services, parsing, routing, and what nobody expected.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from cronjobs.services import errors

STATUSES: dict[type[errors.ServiceError], HTTPStatus] = {
    errors.InvalidError: HTTPStatus.BAD_REQUEST,
    errors.InvalidCronError: HTTPStatus.BAD_REQUEST,
    errors.UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
}

_SENTENCES = {
    HTTPStatus.BAD_REQUEST: ("Bad request", "The request could not be understood."),
    HTTPStatus.NOT_FOUND: ("Not found", "There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Method not allowed", "This address does not answer to this method."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("Payload too large", "The request body is larger than allowed."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Service unavailable", "The database can't be reached. Try again in a moment."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Internal server error", "Something went wrong on our side. It was logged."),
}


@dataclass(frozen=True)
class Problem:
    """An error as a client sees it."""

    status: int
    error: str
    message: str
    extras: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {"error": self.error, "message": self.message} | self.extras


def of(error: errors.ServiceError) -> Problem:
    """What a service's refusal means over HTTP; a subclass without a row means what its base means."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return Problem(status, error.error, error.message, error.extras, _headers(error))


def of_status(status: int, headers: dict[str, str] | None = None) -> Problem:
    """The problem of a bare status: an unknown path, a wrong method, an internal error."""
    known = HTTPStatus(status)
    title, sentence = _SENTENCES.get(known, (known.phrase.capitalize(), f"{known.phrase}."))
    return Problem(status, title, sentence, headers=headers or {})


def of_method(allowed: Iterable[str]) -> Problem:
    """The problem of a method that a path doesn't answer to; `allowed` are those that it does."""
    return of_status(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(sorted(set(allowed)))})


def of_collision() -> Problem:
    """What two requests at once mean, when the database alone saw that they can't both be."""
    return of(errors.ConflictError("It collides with something that was saved in the meantime. Look again."))


def of_unreachable() -> Problem:
    """The database is down, or locked for longer than a request may wait."""
    return of_status(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})


def of_frozen() -> Problem:
    """Writes are frozen, for the moments in which the application moves to another database."""
    sentence = "Writes are frozen for the moment, reading goes on. Nothing was changed. Try again soon."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Writes frozen", sentence, headers={"Retry-After": "5"})


def of_validation(error: ValidationError) -> errors.InvalidError:
    """The refusal of a body that does not fit its schema: names the fields, never repeats the values."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    missing = [_name(fault["loc"]) for fault in faults if fault["type"] == "missing"]
    sentences = [_sentence(fault["loc"], fault["msg"]) for fault in faults if fault["type"] != "missing"]
    if missing:
        sentences.insert(0, f"Missing required fields: {', '.join(missing)}.")
        return errors.InvalidError(" ".join(sentences), error="Missing required fields", missing_fields=missing)
    return errors.InvalidError(" ".join(sentences))


def _headers(error: errors.ServiceError) -> dict[str, str]:
    match error:
        case errors.UnauthenticatedError():
            return {"WWW-Authenticate": "Bearer"}
        case errors.TooManyError():
            return {"Retry-After": str(error.retry_after)}
        case _:
            return {}


def _name(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place) or "body"


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ").rstrip(".")
    return f"{_name(place)}: {text}."
