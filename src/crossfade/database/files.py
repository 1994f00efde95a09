"""Creates the file of an SQLite database, because an engine never does: a wrong path must be an error.

What goes into it is left to `init`.
"""

from pathlib import Path

from crossfade.errors import DatabaseUnwritableError
from crossfade.routes import Route


def create(route: Route) -> bool:
    """Makes an empty file where the route says; False if it was there, or if it isn't a file at all.

    Of folders it makes the project's `instance/` and those inside. Raises DatabaseUnwritableError.
    """
    path = route.path
    if path is None:
        return False
    try:
        _make_folder(path.parent)
        # Exclusive: of two that start at once, one creates and the other finds.
        path.open("xb").close()
    except FileExistsError:
        if path.exists():
            return False
        # A file stands where a folder should be.
        reason = f"{path.parent} is not a directory"
        raise DatabaseUnwritableError(database=path, source=route.source, reason=reason) from None
    except FileNotFoundError as error:
        reason = f"there is no folder {path.parent}"
        raise DatabaseUnwritableError(database=path, source=route.source, reason=reason) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseUnwritableError(database=path, source=route.source, reason=reason) from error
    return True


def _make_folder(folder: Path) -> None:
    """Elsewhere than in `instance/` a folder that isn't there is a path that was misspelt."""
    if any(each.name == "instance" and each.parent.is_dir() for each in (folder, *folder.parents)):
        folder.mkdir(parents=True, exist_ok=True)
