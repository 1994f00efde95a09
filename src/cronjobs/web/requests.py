"""How a request body becomes a value: one parser for both stacks, so that both refuse alike."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cronjobs.services import errors
from cronjobs.web import problems

LARGEST_BODY = 1024 * 1024
"""Bytes: no JSON request of the contract comes near."""
_MOST_FIELDS = 100


class Body(BaseModel):
    """The base of every request body: JSON types as they are ("1" is no number, 1 no text), unknown keys ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise ValueError("null is no value: leave the field out")
    return value


NotNull = BeforeValidator(_refuse_null)
"""Marks a field that may be left out, but not be null."""

B = TypeVar("B", bound=Body)


def parse(schema: type[B], raw: bytes) -> B:
    """The body as `schema`. Raises InvalidError that names what is malformed, missing or wrong, without its value."""
    try:
        value = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise errors.InvalidError("The body is not valid JSON.", error="Invalid JSON") from error
    if not isinstance(value, dict):
        raise errors.InvalidError("The body must be a JSON object.", error="Invalid JSON")
    return validated(schema, value)


def parse_form(schema: type[B], raw: bytes) -> B:
    """The body of an HTML form (application/x-www-form-urlencoded) as `schema`. Raises InvalidError as `parse` does."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise errors.InvalidError("The body is not a valid form.", error="Invalid form") from error
    value = dict(pairs)
    if len(value) < len(pairs):
        raise errors.InvalidError("The form names a field twice.", error="Invalid form")
    return validated(schema, value)


def validated(schema: type[B], value: dict[str, Any]) -> B:
    """A JSON object as `schema`. Raises InvalidError that names what is missing or wrong, without its value."""
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
        case _:
            pass


def bearer(header: str | None) -> str:
    """The token of an `Authorization: Bearer <token>` header. Raises UnauthenticatedError when there is none."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.UnauthenticatedError("Send a token: Authorization: Bearer <token>.")
    return token.strip()
