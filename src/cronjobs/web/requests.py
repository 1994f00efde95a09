"""How a request body becomes a value: one parser for both stacks, so that both refuse alike."""

from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict, ValidationError

from cronjobs.services import errors
from cronjobs.web import problems

LARGEST_BODY = 1024 * 1024
"""Bytes: no JSON request of the contract comes near."""


class Body(BaseModel):
    """The base of every request body: JSON types as they are ("1" is no number, 1 no text), unknown keys ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


B = TypeVar("B", bound=Body)


def parse(schema: type[B], raw: bytes) -> B:
    """The body as `schema`. Raises InvalidError that names what is malformed, missing or wrong, without its value."""
    try:
        value = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise errors.InvalidError("The body is not valid JSON.", error="Invalid JSON") from error
    if not isinstance(value, dict):
        raise errors.InvalidError("The body must be a JSON object.", error="Invalid JSON")
    _refuse_nul(value)
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise problems.of_validation(error) from None


def _refuse_nul(value: Any) -> None:
    """PostgreSQL can't store U+0000 in text: refused at the door, so that both databases answer alike."""
    match value:
        case str() if "\x00" in value:
            raise errors.InvalidError("Text must not contain the character U+0000.")
        case dict():
            for key, item in value.items():
                _refuse_nul(key)
                _refuse_nul(item)
        case list():
            for item in value:
                _refuse_nul(item)


def bearer(header: str | None) -> str:
    """The token of an `Authorization: Bearer <token>` header. Raises UnauthenticatedError when there is none."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.UnauthenticatedError("Send an access token: Authorization: Bearer <token>.")
    return token.strip()
