"""From what people write for a database to one canonical URL, and from that to a driver's.

A canonical URL names no driver, so a database has one name and the sync and the async side can't differ. Relative
SQLite paths are under the project's `instance/`, whatever the working directory. Which URL a stack gets is left to
`routes`, what is set on a connection to `database`.
"""

from dataclasses import dataclass
from os.path import normpath, realpath
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from crossfade import redaction
from crossfade.errors import DatabaseUrlError, DriverNotSupportedError, MaskedUrlError

_DRIVERS = {
    "sqlite": frozenset({"", "pysqlite", "aiosqlite"}),
    "postgresql": frozenset({"", "psycopg", "psycopg_async", "asyncpg"}),
}
SUPPORTED = "sqlite:// and postgresql:// (drivers: pysqlite and aiosqlite; psycopg and asyncpg)"

_POSTGRESQL_PORT = 5432

# What may follow the ? of an SQLite URL: of the driver for any file, of SQLite itself for a `file:` URI.
_DRIVER_OPTIONS = frozenset({"timeout", "cached_statements"})
_IGNORED_OPTIONS = frozenset({"check_same_thread", "isolation_level", "detect_types", "autocommit"})
_URI_OPTIONS = frozenset({"mode", "cache", "vfs", "immutable", "nolock", "psow", "modeof"})


@dataclass(frozen=True)
class Meaning:
    """A file that a relative SQLite path could mean."""

    path: Path
    under: Path
    used: bool
    """Whether it is the one that the router takes."""

    @property
    def exists(self) -> bool:
        """Whether there is such a file now."""
        return self.path.exists()


def canonical(text: str | URL, *, root: Path, variable: str = "DATABASE_URL") -> URL:
    """The URL of a database without a driver; `variable` is who said so, for the error.

    Raises DatabaseUrlError, DriverNotSupportedError or MaskedUrlError.
    """
    if isinstance(text, str):
        scheme, separator, _ = text.partition("://")
        if not separator:
            raise DatabaseUrlError(variable=variable, url=redaction.mask_url(text), reason="it has no ://")
        backend, _ = _split_driver(scheme, variable)
    else:
        backend, _ = _split_driver(text.drivername, variable)
    url = _sqlite_from_text(text, variable) if backend == "sqlite" and isinstance(text, str) else _made(text, variable)
    url = url.set(drivername=backend)
    if url.password == redaction.MASK:
        raise MaskedUrlError(variable=variable, url=redaction.mask_url(url))
    return _placed(url, root=root, variable=variable) if backend == "sqlite" else _checked(url, variable)


def async_driver(text: str | URL) -> str | None:
    """`asyncpg` if the URL asks for it; None for the default of its database."""
    drivername = text.partition("://")[0] if isinstance(text, str) else text.drivername
    return "asyncpg" if drivername.partition("+")[2].strip().lower() == "asyncpg" else None


def sync_url(url: URL) -> URL:
    """The URL for the sync driver of a canonical URL: pysqlite or psycopg."""
    return url.set(drivername={"sqlite": "sqlite+pysqlite"}.get(url.drivername, "postgresql+psycopg"))


def async_url(url: URL, driver: str | None = None) -> URL:
    """The URL for the async driver of a canonical URL: aiosqlite, and psycopg unless `driver` is asyncpg."""
    if url.drivername == "sqlite":
        return url.set(drivername="sqlite+aiosqlite")
    return url.set(drivername=f"postgresql+{driver or 'psycopg'}")


def same(one: URL, other: URL) -> bool:
    """Whether two canonical URLs mean the same database, as far as their text tells."""
    return _compared(one) == _compared(other)


def path_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for memory and for servers."""
    if url.get_backend_name() != "sqlite" or in_memory(url):
        return None
    name = url.database or ""
    return Path(unquote(name.removeprefix("file:").removeprefix("//")) if "uri" in url.query else name)


def in_memory(url: URL) -> bool:
    """Whether a URL means an SQLite database in memory, private or shared within the process."""
    if url.get_backend_name() != "sqlite":
        return False
    shared = url.query.get("mode") == "memory" or url.query.get("vfs") == "memdb" or url.database == "file::memory:"
    return shared or private_memory(url)


def private_memory(url: URL) -> bool:
    """Whether each connection to this URL would have a database of its own: `sqlite://`, `:memory:`."""
    if url.get_backend_name() != "sqlite" or url.query.get("vfs") == "memdb":
        return False
    if "uri" not in url.query:
        return url.database in {None, "", ":memory:"}
    name = (url.database or "").removeprefix("file:")
    return name in {"", ":memory:"} and url.query.get("cache") != "shared"


def meanings(text: str | URL, root: Path, *, cwd: Path | None = None) -> tuple[Meaning, ...]:
    """The files that a relative SQLite path could mean; empty for all other URLs.

    Three directories could be meant: the project's `instance/` (which the router takes), the project's own, and the
    one that the process works in.
    """
    url = _sqlite_from_text(text, "URL") if isinstance(text, str) and text.startswith("sqlite") else text
    if isinstance(url, str) or url.get_backend_name() != "sqlite" or in_memory(url):
        return ()
    name = _plain_name(url)
    if name is None or Path(name).is_absolute():
        return ()
    used = _under_instance(name, root)
    places = {used: root / "instance"}
    for directory in (root, cwd or Path.cwd(), root / "instance"):
        places.setdefault(Path(normpath(directory / name)), directory)
    return tuple(Meaning(path=path, under=under, used=path == used) for path, under in places.items())


def _compared(url: URL) -> URL:
    if url.drivername != "postgresql" or not url.host:
        return url
    return url.set(host=url.host.lower(), port=url.port or _POSTGRESQL_PORT)


def _split_driver(drivername: str, variable: str) -> tuple[str, str]:
    backend, _, driver = drivername.strip().lower().partition("+")
    backend = {"postgres": "postgresql", "sqlite3": "sqlite"}.get(backend, backend)
    if backend not in _DRIVERS or driver not in _DRIVERS[backend]:
        raise DriverNotSupportedError(variable=variable, given=f"{drivername}://", supported=SUPPORTED)
    return backend, driver


def _made(text: str | URL, variable: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        # The driver's own words may hold the URL with its password.
        reason = "its port is not a number" if isinstance(error, ValueError) else "it can't be read"
        raise DatabaseUrlError(variable=variable, url=redaction.mask_url(text), reason=reason) from None


def _checked(url: URL, variable: str) -> URL:
    # libpq would fall back to the user's name and connect to a database that nobody asked for.
    if not url.database and "service" not in url.query:
        raise DatabaseUrlError(variable=variable, url=redaction.mask_url(url), reason="it names no database")
    host = url.host or ""
    if "@" in host or any(map(str.isspace, host)):
        # What is read as the host's name is the end of a password: it is shown to nobody, and sent to no resolver.
        shown = redaction.mask_url(url.set(host=host.rpartition("@")[2]))
        reason = "an @ in a name or a password is written %40, a blank %20"
        raise DatabaseUrlError(variable=variable, url=shown, reason=reason)
    return url


def _sqlite_from_text(text: str, variable: str) -> URL:
    """An SQLite URL read by hand: a path may hold a ? that starts no options, and a # means nothing in it."""
    rest = text.partition("://")[2]
    if rest in {"", "/", "/:memory:", ":memory:"}:
        return URL.create("sqlite")
    if not rest.startswith("/"):
        reason = "an SQLite URL has three slashes before a relative path and four before an absolute one"
        raise DatabaseUrlError(variable=variable, url=redaction.mask_url(text), reason=reason)
    name, mark, tail = rest.removeprefix("/").partition("?")
    options = dict(parse_qsl(tail, keep_blank_values=True))
    if "=" not in tail:
        return URL.create("sqlite", database=unquote(name + mark + tail))
    known = _DRIVER_OPTIONS | _IGNORED_OPTIONS | _URI_OPTIONS | {"uri"}
    unknown = sorted(options.keys() - known)
    if unknown:
        raise DatabaseUrlError(
            variable=variable,
            url=redaction.mask_url(text),
            reason=f"SQLite has no option {', '.join(unknown)} (a ? that belongs to the path is written %3F)",
        )
    return URL.create("sqlite", database=unquote(name), query=options)


def _placed(url: URL, *, root: Path, variable: str) -> URL:
    """An SQLite URL with an absolute path and none of the options that the router sets itself."""
    query = {name: value for name, value in url.query.items() if name not in _IGNORED_OPTIONS}
    name = url.database or ""
    if name.startswith("file:"):
        query["uri"] = "true"
    elif query.keys() & _URI_OPTIONS or query.get("uri", "false") not in {"false", "0"}:
        # SQLAlchemy would drop these without `file:`, and SQLite take the whole for a file's name.
        raise DatabaseUrlError(
            variable=variable,
            url=redaction.mask_url(url),
            reason=f"options of SQLite ({', '.join(sorted(query))}) need a path that starts with file:",
        )
    else:
        query.pop("uri", None)
    url = url.set(query=query)
    if in_memory(url):
        return URL.create("sqlite") if private_memory(url) else url
    plain = _plain_name(url)
    if plain is None:
        return url
    path = Path(plain) if Path(plain).is_absolute() else _under_instance(plain, root)
    prefix = "file:" if name.startswith("file:") else ""
    # One file has one name, whichever link leads to it: else a database could be copied onto itself.
    return url.set(database=prefix + realpath(path))


def _plain_name(url: URL) -> str | None:
    """The path in an SQLite URL; None if it is a URI with an authority, which is absolute by nature."""
    name = url.database or ""
    if name.startswith("file://"):
        return None
    return name.removeprefix("file:")


def _under_instance(name: str, root: Path) -> Path:
    # `sqlite:///instance/app.db` is how the default is written: it means <root>/instance, not instance/instance.
    relative = Path(normpath(name))
    return Path(normpath(root / relative if relative.parts[0] == "instance" else root / "instance" / relative))
