"""docs/settings.md: every variable, from the settings classes themselves."""

import ast
import inspect
import json
from itertools import pairwise
from typing import Any

from pydantic import SecretStr

from cronjobs.reference import shapes
from cronjobs.settings import Settings
from crossfade import settings as router_settings

_OPENING = """\
# Settings

Generated from `cronjobs.settings.Settings` by `make docs`. A variable is read from the environment, then from `.env` in
the project's directory; blanks around a value don't count, and an empty value is the same as none. A yes or no is 1/0,
true/false, yes/no or on/off, in any case. A value that can't be used is an error at start that names the variable. Both
stacks, the scheduler and the scripts read the same variables in the same way.

Secrets are masked wherever settings are shown, and so are passwords in database URLs.
"""

_NOT_A_VARIABLE = frozenset({"root"})


def page() -> str:
    """The page. Raises LookupError for a variable that has no docstring."""
    own = [name for name in Settings.model_fields if name not in router_settings.Settings.model_fields]
    routers = [name for name in router_settings.Settings.model_fields if name not in _NOT_A_VARIABLE]
    lines = [
        *_OPENING.splitlines(),
        "",
        "## The application",
        "",
        *_table(own),
        "## Which database",
        "",
        *_table(routers),
    ]
    return "\n".join(lines).rstrip() + "\n"


def docstrings(kind: type[Any]) -> dict[str, str]:
    """What stands below each annotated attribute of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in {"cronjobs", "crossfade"}:
            found |= _own_docstrings(base)
    return found


def _own_docstrings(kind: type[Any]) -> dict[str, str]:
    module = ast.parse(inspect.getsource(inspect.getmodule(kind) or kind))
    body = next(node.body for node in ast.walk(module) if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found: dict[str, str] = {}
    for statement, following in pairwise(body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
            case _:
                pass
    return found


def _table(names: list[str]) -> list[str]:
    schema = Settings.model_json_schema()["properties"]
    texts = docstrings(Settings)
    missing = [name for name in names if name not in texts]
    if missing:
        raise LookupError(f"these fields of the settings have no docstring below them: {', '.join(missing)}")
    rows = ([f"`{name.upper()}`", _values(schema[name]), _default(name), _secret(name), texts[name]] for name in names)
    return shapes.table(["variable", "value", "default", "secret", "what it says"], rows)


def _values(schema: shapes.Schema) -> str:
    return shapes.words(schema).removesuffix(" or null").replace("true or false", "yes or no")


def _default(name: str) -> str:
    match Settings.model_fields[name].default:
        case None | "":
            return ""
        case bool(value):
            return "yes" if value else "no"
        case SecretStr():
            return "one for development, refused in production"
        case value:
            return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _secret(name: str) -> str:
    if "SecretStr" in str(Settings.model_fields[name].annotation):
        return "yes"
    return "its password" if name.endswith("database_url") else ""
