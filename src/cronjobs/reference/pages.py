"""Which pages are generated, and writing them: what `make docs` runs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cronjobs.reference import endpoints, variables

GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/api.md": endpoints.page,
    "docs/settings.md": variables.page,
}
"""Each page of the project by its path, and what makes it."""


def stale(root: Path) -> list[str]:
    """The pages of the project at `root` that do not say what the code says, or are missing."""
    return [path for path, make in GENERATED.items() if _written(root / path) != make()]


def write(root: Path) -> list[str]:
    """Makes every page of the project at `root` say what the code says; returns those that did not."""
    changed = stale(root)
    for path in changed:
        (root / path).write_text(GENERATED[path](), encoding="utf-8")
    return changed


def _written(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
