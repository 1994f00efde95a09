"""Creates the file of an SQLite database, because an engine never does: a wrong path must be an error.

What goes into it is left to `init`.
"""

from crossfade.errors import DatabaseUnwritableError
from crossfade.routes import Route


def create(route: Route) -> bool:
    """Makes an empty file and its folder where the route says; False if it was there, or if it isn't a file at all.

    Raises DatabaseUnwritableError.
    """
    path = route.path
    if path is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: of two that start at once, one creates and the other finds.
        path.open("xb").close()
    except FileExistsError:
        if path.exists():
            return False
        # A file stands where a folder should be.
        reason = f"{path.parent} is not a directory"
        raise DatabaseUnwritableError(database=path, source=route.source, reason=reason) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnwritableError(database=path, source=route.source, reason=reason) from error
    return True
