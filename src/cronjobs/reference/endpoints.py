"""docs/api.md: every endpoint, from the OpenAPI document of the FastAPI stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from fastapi.routing import APIRoute

from cronjobs.fastapi_app import create_app, routers
from cronjobs.fastapi_app.edge import Admin, Editor, SignedIn
from cronjobs.fastapi_app.factory import PREFIX
from cronjobs.fastapi_app.routers.auth import Bearer, Oneself
from cronjobs.reference import shapes
from cronjobs.reference.shapes import Schema
from cronjobs.settings import Settings
from cronjobs.web.schemas.refusals import KINDS, Kind

_OPENING = """\
# Endpoints

Generated from the OpenAPI document of the FastAPI stack (`/openapi.json`, shown at `/docs`) by `make docs`. Paths are
below the stack's prefix: `/api` on Flask, `/api/v2` on FastAPI. Both stacks answer alike.

Who is signed in sends `Authorization: Bearer <access token>`. A request that is answered by an error changed nothing.
A job is changed by its owner and by admins, a notification by whom it is for. Instants are ISO 8601 in UTC with
milliseconds and `Z`, dates are `YYYY-MM-DD`.
"""

_ABOUT_ERRORS = """\
Every error, on every path, has a status of 400 or above and says `error`, in short, and `message`, in a sentence. An
endpoint answers with those that are listed with it. A path that does not exist is 404, one that does not answer to the
method 405, with `Allow`.
"""

_METHODS = ("get", "post", "put", "delete")
_CALLERS = {
    Admin: "For admins.",
    Editor: "For admins and users.",
    Oneself: "For admins, and for that user.",
    SignedIn: "For who is signed in.",
    Bearer: "For who sends a token in `Authorization`.",
}
"""Who may call an endpoint, by the dependency that checks it; the first that an endpoint has counts."""


def page() -> str:
    """The page."""
    document = _document()
    callers = _callers()
    sections = {
        "": [*_OPENING.splitlines(), ""],
        "errors": ["## Errors", "", *_ABOUT_ERRORS.splitlines(), "", *_errors()],
    }
    used: dict[str, Schema] = {}
    for path, method, operation in _operations(document):
        section = sections.setdefault(_tag(operation), [f"## {_tag(operation).capitalize()}", ""])
        section += _operation(path, method, operation, callers[method, path], used)
    shown = document["components"]["schemas"] | used
    named = sorted(_reachable(shown, "\n".join(line for lines in sections.values() for line in lines)))
    section = sections.setdefault("shapes", ["## Shapes", ""])
    for name in named:
        section += [f"### {name}", "", *_fields(shown[name], used)]
    return "\n".join(line for lines in sections.values() for line in lines).rstrip() + "\n"


def _errors() -> list[str]:
    """A table of what each status means."""
    rows = (
        [str(int(status)), kind.meaning, f"[{kind.shape.__name__}](#{kind.shape.__name__.lower()})", _headers(kind)]
        for status, kind in KINDS.items()
    )
    return shapes.table(["status", "what it means", "body", "headers"], rows)


def _headers(kind: Kind) -> str:
    return ", ".join(f"`{name}`" for name in kind.headers)


def _document() -> dict[str, Any]:
    """The document of an application that nobody starts."""
    settings = Settings(root=Path.cwd(), database_url="sqlite:///unused.db", scheduler_enabled=False)
    return create_app(settings).openapi()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path.removeprefix(PREFIX), method.upper(), methods[method]


def _callers() -> dict[tuple[str, str], str]:
    """Who may call which method and path."""
    checks = {get_args(kind)[1].dependency: sentence for kind, sentence in _CALLERS.items()}
    found: dict[tuple[str, str], str] = {}
    for route in (route for router in routers.every() for route in router.routes):
        if isinstance(route, APIRoute):
            has = [dependency.call for dependency in route.dependant.dependencies]
            sentence = next((sentence for check, sentence in checks.items() if check in has), "For anyone.")
            found |= {(method, route.path): sentence for method in route.methods or ()}
    return found


def _tag(operation: Schema) -> str:
    return str(next(iter(operation.get("tags", [])), "others"))


def _operation(path: str, method: str, operation: Schema, caller: str, used: dict[str, Schema]) -> list[str]:
    lines = [f"### {method} {path}", "", caller, ""]
    asked = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    if asked:
        rows = ([f"`{each['name']}`", shapes.words(each["schema"]), each["description"]] for each in asked)
        lines += ["Query:", "", *shapes.table(["parameter", "value", "what it says"], rows)]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        lines += [f"Body, `{kind}`:", "", *_fields(content["schema"], used)]
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            lines += [f"Answers {status}: {shapes.words(schema)}.", ""]
    errors = [status for status in operation["responses"] if not status.startswith("2")]
    return [*lines, f"Errors: {', '.join(errors)}.", ""]


def _fields(schema: Schema, used: dict[str, Schema]) -> list[str]:
    """A table of an object's fields; the schemas that it brings along are added to `used`."""
    used |= schema.get("$defs", {})
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    if not properties:
        return [f"{shapes.words(schema)}.".capitalize(), ""]
    rows = ([f"`{name}`", shapes.words(each), "yes" if name in required else ""] for name, each in properties.items())
    return shapes.table(["field", "value", "required"], rows)


def _reachable(schemas: dict[str, Schema], text: str) -> set[str]:
    """The names of the schemas that the text links to, and those that these link to."""
    found: set[str] = set()
    waiting = [name for name in schemas if f"[{name}](#" in text]
    while waiting:
        name = waiting.pop()
        if name in found or name not in schemas:
            continue
        found.add(name)
        waiting += _references(schemas[name])
    return found


def _references(value: Any) -> list[str]:
    match value:
        case {"$ref": str(reference)}:
            return [shapes.name_of(reference)]
        case dict():
            return [name for each in value.values() for name in _references(each)]
        case list():
            return [name for each in value for name in _references(each)]
        case _:
            return []
