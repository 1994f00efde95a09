"""What the OpenAPI document says of an endpoint beyond FastAPI's own findings: its body, its query, and every error.

All of it follows from what the endpoint declares. A dependency says what it refuses, and what body it reads; whoever
depends on it can answer that too. An id in the path may name nothing, a session may find no database, and anything may
fail. What is left is what the endpoint's own service refuses, which the endpoint adds: `responses=refusing(409)`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from cronjobs.web.parameters import PARAMETERS, described
from cronjobs.web.schemas.answers import Refusal
from cronjobs.web.schemas.refusals import KINDS
from crossfade import fastapi as adapter

F = TypeVar("F", bound=Callable[..., Any])
Json = dict[str, Any]

_REFUSES, _TAKES = "refuses", "takes"
_NOT_SENT = ("422", "4XX")
_OF_NOBODY = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True)
class Taken:
    """The body that a dependency reads."""

    media_type: str
    schema: Json
    required: bool


def refuses(*statuses: int) -> Callable[[F], F]:
    """Marks a dependency by the statuses that it answers with instead of letting a request through."""

    def marked(dependency: F) -> F:
        vars(dependency)[_REFUSES] = statuses
        return dependency

    return marked


def takes(media_type: str, schema: Json, *, required: bool = True) -> Callable[[F], F]:
    """Marks a dependency that reads the body, and so refuses one that is too large or not as `schema` has it."""

    def marked(dependency: F) -> F:
        vars(dependency)[_TAKES] = Taken(media_type, schema, required)
        return refuses(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)(dependency)

    return marked


def refusing(*statuses: int) -> dict[int | str, Json]:
    """`responses` of an endpoint whose service refuses with these statuses, which nothing else it declares tells."""
    return {status: {} for status in statuses}


def in_query(*names: str) -> Json:
    """`openapi_extra` of an endpoint that reads these parameters of its query."""
    return {"parameters": described(names)}


def completed(document: Json, routers: Iterable[APIRouter], prefix: str) -> Json:
    """FastAPI's document of these routers, with the bodies and the errors of every operation."""
    made = deepcopy(document)
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        for method in route.methods or ():
            _complete(made["paths"][prefix + route.path][method.lower()], route)
    schemas = made["components"]["schemas"]
    for name in _OF_NOBODY:
        schemas.pop(name, None)
    schemas |= {kind.shape.__name__: _schema(kind.shape) for kind in KINDS.values()}
    made["components"]["responses"] = {_name(status): _response(status) for status in KINDS}
    return made


def statuses(route: APIRoute) -> set[int]:
    """The statuses of the errors that an endpoint can answer."""
    found = {HTTPStatus.INTERNAL_SERVER_ERROR, *(int(status) for status in route.responses)}
    for call in _dependencies(route.dependant):
        found |= set(vars(call).get(_REFUSES, ()))
        if call is adapter.session:
            found.add(HTTPStatus.SERVICE_UNAVAILABLE)
    if "{" in route.path:
        found.add(HTTPStatus.NOT_FOUND)
    named = (each["name"] for each in (route.openapi_extra or {}).get("parameters", ()))
    if any(PARAMETERS[name].is_refused for name in named):
        found.add(HTTPStatus.BAD_REQUEST)
    return {int(status) for status in found}


def _complete(operation: Json, route: APIRoute) -> None:
    for call in _dependencies(route.dependant):
        taken: Taken | None = vars(call).get(_TAKES)
        if taken is not None:
            content = {taken.media_type: {"schema": taken.schema}}
            operation["requestBody"] = {"required": taken.required, "content": content}
    answers = {status: answer for status, answer in operation["responses"].items() if status not in _NOT_SENT}
    for status in statuses(route):
        # Of its own shape, as the endpoint says, or of that which the status has everywhere.
        if "content" not in answers.get(str(status), {}):
            answers[str(status)] = {"$ref": f"#/components/responses/{_name(HTTPStatus(status))}"}
    operation["responses"] = dict(sorted(answers.items()))


def _dependencies(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """What an endpoint depends on, what that depends on, and so on."""
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from _dependencies(each)


def _response(status: HTTPStatus) -> Json:
    kind = KINDS[status]
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.shape.__name__}"}}}
    response: Json = {"description": kind.meaning, "content": content}
    if kind.headers:
        response["headers"] = {name: _header(meaning) for name, meaning in kind.headers.items()}
    return response


def _header(meaning: str) -> Mapping[str, Any]:
    return {"required": True, "description": meaning, "schema": {"type": "string"}}


def _schema(shape: type[Refusal]) -> Json:
    return shape.model_json_schema(ref_template="#/components/schemas/{model}")


def _name(status: HTTPStatus) -> str:
    """`NotFound`."""
    return status.phrase.title().replace(" ", "")
