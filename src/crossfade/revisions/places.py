"""Which databases `init` is about: those that the routes name, and those that its options add.

Nothing is opened here.
"""

from crossfade.errors import SettingsError
from crossfade.routes import Route, resolve
from crossfade.settings import Settings

EXAMPLE = "sqlite:///instance/fastapi_cron_jobs.db"
"""The database of FastAPI's own when it is asked for and no variable names one."""

_DJANGO = dict.fromkeys(("db_engine", "db_name", "db_user", "db_password", "db_host", "db_port"))


def places(
    settings: Settings, *, separate: bool = False, test: bool = False, url: str | None = None
) -> tuple[Route, ...]:
    """The routes to initialise, those of one database side by side.

    Without options the routes' own; `separate` adds a database of FastAPI's own; `test` means the databases for tests,
    instead of the others unless `separate` asks for them; `url` means that one alone, for tests if `test` says so.
    Raises what `routes.resolve` raises, and SettingsError for options that exclude each other.
    """
    if url is not None:
        if separate:
            raise SettingsError(reason="--url means one database, --separate means two: give one of them")
        return _pair(at(settings, url, source="--url", test=test))
    if separate and settings.testing:
        where = settings.source_of("testing")
        raise SettingsError(reason=f"--separate makes a database to run on, but {where} says that this is a test run")
    found: tuple[Route, ...] = ()
    if separate or not test:
        found += _pair(_with_own(settings) if separate else settings)
    if test:
        found += _pair(settings if settings.testing else settings.replaced(source="--test", testing=True))
    return found


def at(settings: Settings, url: str, *, source: str, test: bool = False) -> Settings:
    """Settings under which both stacks are on the database at `url`, as the option `source` says; `test` is for tests.

    What the environment says about databases counts for nothing in them.
    """
    if test or settings.testing:
        changes = {"testing": True, "test_database_url": url, "fastapi_test_database_url": None}
    else:
        changes = {"database_url": url, "fastapi_database_url": None} | _DJANGO
    return settings.replaced(source=source, **changes)


def _pair(settings: Settings) -> tuple[Route, Route]:
    routes = resolve(settings)
    return routes.flask, routes.fastapi


def _with_own(settings: Settings) -> Settings:
    if settings.fastapi_database_url is not None:
        return settings
    return settings.replaced(source="--separate", fastapi_database_url=EXAMPLE)
