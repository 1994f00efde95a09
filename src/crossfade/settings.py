"""What the environment says, read once, in one grammar, for both stacks, the scheduler and the scripts.

A variable is taken from the environment first, then from `<root>/.env`; an empty value is the same as none, blanks
around a value don't count. Whatever can't be used is one error that names every such variable, its value and its place.
Which database follows from it is left to `routes`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables
from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from crossfade import redaction
from crossfade.errors import SettingsError

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


def flag(value: object) -> bool:
    """Yes or no, as 1/0, true/false, yes/no or on/off in any case; ValueError for anything else."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("not a yes or a no: write 1/0, true/false, yes/no or on/off")


Flag = Annotated[bool, BeforeValidator(flag)]
"""The one grammar for booleans: see `flag`."""


class Settings(BaseSettings):
    """The variables that the router needs; an application adds its own in a subclass, under the same rules.

    A field is read from the variable of its name in capitals. Made in code (`Settings(root=...)`) it reads nothing.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    root: Path
    """The project's directory: where `.env` and `instance/` are. Given by `load`, not by a variable."""
    app_env: Literal["development", "production"] = "development"
    """What the deployment is for. Production is stricter about secrets, and stamps its databases so."""
    testing: Flag = False
    """Whether this process runs tests: then every database is a disposable one, whatever else is set."""
    database_url: str | None = None
    """The database of the Flask stack, and of FastAPI's too unless that has its own."""
    fastapi_database_url: str | None = None
    """A database of FastAPI's own: this makes the two stacks separate."""
    test_database_url: str | None = None
    """The disposable database for tests, of both stacks unless FASTAPI_TEST_DATABASE_URL is set."""
    fastapi_test_database_url: str | None = None
    """FastAPI's disposable database for tests."""
    db_engine: str | None = None
    """Django's way to say DATABASE_URL, with the five DB_ variables that follow: django.db.backends.postgresql, say."""
    db_name: str | None = None
    """The name of the database, or the path of SQLite's file."""
    db_user: str | None = None
    """Who connects."""
    db_password: SecretStr | None = None
    """The password of DB_USER."""
    db_host: str | None = None
    """Where the database server is."""
    db_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The port of the database server; its usual one when unset."""
    log_format: Literal["text", "json"] = "text"
    """How processes log: `json` is one object a line, with job, run and attempt as fields of what is about a run."""
    database_statement_timeout: Annotated[int, Field(ge=0)] = 30
    """Seconds that PostgreSQL lets a statement run; 0 for no limit."""
    pytest_xdist_worker: str | None = None
    """Set by pytest-xdist: keeps the default test files of its workers apart."""

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, *, root: Path | str, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of the project at `root`, from `environ` (the process's own by default) and then its `.env`.

        Raises SettingsError with one line for each variable that can't be used.
        """
        root = Path(root).absolute()
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        # Lowest first, so that the environment has the last word.
        for place, found in ((str(root / ".env"), _dotenv(root / ".env", environ)), ("environment", environ)):
            for field in cls.model_fields.keys() - {"root"}:
                value = found.get(field.upper(), "").strip()
                if value:
                    values[field], sources[field] = value, place
        return cls._made(values | {"root": root}, sources)

    def replaced(self, *, source: str, **changes: Any) -> Self:
        """A copy in which `changes` hold, said to come from `source` (such as "--url"); validated like the rest."""
        values = {field: getattr(self, field) for field in self.model_fields_set}
        return self._made(values | changes, self._sources | dict.fromkeys(changes, source))

    def source_of(self, field: str) -> str:
        """Where a field's value comes from: `DATABASE_URL (environment)`, `DATABASE_URL (/x/.env)`, `--url`."""
        default = "code" if field in self.model_fields_set else "default"
        place = self._sources.get(field, default)
        # Whoever gave an option looks for the mistake there, and not in the variable that it overrules.
        return place if place.startswith("--") else f"{field.upper()} ({place})"

    @classmethod
    def _made(cls, values: dict[str, Any], sources: dict[str, str]) -> Self:
        try:
            made = cls(**values)
        except ValidationError as error:
            # `from None`: pydantic's own error carries the values, secrets included.
            raise SettingsError(reason=_explained(cls, error, values, sources)) from None
        made._sources.update(sources)
        return made

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` looks the variables up itself: it must know where each came from, and nothing may be read unasked.
        return (init_settings,)

    @override
    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [(name, _shown(type(self), name or "", value)) for name, value in super().__repr_args__()]


def _dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a `.env` file; `${NAME}` in a value is the environment's, or an earlier line's."""
    try:
        # utf-8-sig: some editors start a file with a byte-order mark, which would become part of the first name.
        text = path.open(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(reason=f"{path} can't be read: {error.strerror}") from error
    values: dict[str, str] = {}
    with text:
        try:
            lines = list(parse_stream(text))
        except (UnicodeDecodeError, OSError) as error:
            raise SettingsError(reason=f"{path} can't be read: {error}") from error
    for line in lines:
        if line.error:
            raise SettingsError(reason=f"{path}, line {line.original.line}: not of the form NAME=value")
        if line.key is not None and line.value is not None:
            known = values | dict(environ)
            values[line.key] = "".join(part.resolve(known) for part in parse_variables(line.value))
    return values


def _explained(cls: type[Settings], error: ValidationError, values: dict[str, Any], sources: dict[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(redaction.mask(message))
            continue
        field = str(problem["loc"][0])
        place = sources.get(field, "code")
        if field in values:
            lines.append(f"{field.upper()}={_shown(cls, field, values[field])!r} ({place}): {message}")
        else:
            lines.append(f"{field.upper()}: {message}")
    return "\n".join(dict.fromkeys(lines))


def _shown(cls: type[Settings], field: str, value: Any) -> Any:
    """A value that may be printed: secrets are hidden, and so are the passwords in URLs."""
    known = cls.model_fields.get(field)
    if known is not None and "SecretStr" in str(known.annotation):
        return None if value is None else redaction.MASK
    return redaction.mask(value) if isinstance(value, str) else value
