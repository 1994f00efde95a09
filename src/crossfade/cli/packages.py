"""A package that isn't installed, as an error that says where it comes from."""

import sys

from crossfade.errors import ConfigurationError

_EXTRAS = {
    "aiohttp": "gateway",
    "asyncpg": "asyncpg",
    "django": "django",
    "fastapi": "fastapi",
    "flask": "flask",
    "flask_sqlalchemy": "flask",
    "gunicorn": "gateway",
    "psycopg": "postgres",
    "uvicorn": "gateway",
}
"""By what is imported."""


def bringing(error: ModuleNotFoundError) -> str | None:
    """The extra that brings what could not be imported; None if none of ours does."""
    return _EXTRAS.get((error.name or "").partition(".")[0])


def missing(error: ModuleNotFoundError) -> ConfigurationError:
    """What to say of it."""
    ours = bringing(error)
    cure = "`make install` makes an environment that has all" if ours is None else f"pip install 'crossfade[{ours}]'"
    return ConfigurationError(reason=f"{sys.executable} has no package {error.name}; {cure}")
