"""Which category and which team somebody means: by slug or by display name, in any case.

Jobs hold slugs, without a foreign key. The tables are small, so that names are compared here rather than in SQL, where
SQLite folds the case of ASCII letters only and the two databases would disagree.
"""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import JobCategory, PicTeam
from cronjobs.services import errors

GENERAL = "general"
"""The category of a job that names none. It is there even where nobody seeded it."""


class _Term(Protocol):
    """A category or a team."""

    slug: str
    name: str
    is_active: bool


def category_slug(session: Session, named: str) -> str:
    """The slug of an active category. Raises InvalidError for one that does not exist or was disabled."""
    found = _meant(session.scalars(select(JobCategory).order_by(JobCategory.slug)), named)
    if found is not None and found.slug == GENERAL:
        return GENERAL
    if found is None and _folded(named) == GENERAL:
        return GENERAL
    return _active(found, named, "category")


def team_slug(session: Session, named: str) -> str:
    """The slug of an active team. Raises InvalidError for one that does not exist or was disabled."""
    return _active(_meant(session.scalars(select(PicTeam).order_by(PicTeam.slug)), named), named, "pic_team")


def category_filter(session: Session, named: str) -> str:
    """The slug to look for: disabled categories count, and a slug that only jobs know is taken as it is."""
    found = _meant(session.scalars(select(JobCategory).order_by(JobCategory.slug)), named)
    return named if found is None else found.slug


def team_filter(session: Session, named: str) -> str:
    """The slug to look for: disabled teams count, and a slug that only jobs know is taken as it is."""
    found = _meant(session.scalars(select(PicTeam).order_by(PicTeam.slug)), named)
    return named if found is None else found.slug


def _meant(terms: Iterable[_Term], named: str) -> _Term | None:
    """The term of that slug, else of that name; of several that share a name an active one, first by slug."""
    wanted = _folded(named)
    by_name: list[_Term] = []
    for term in terms:
        if _folded(term.slug) == wanted:
            return term
        if _folded(term.name) == wanted:
            by_name.append(term)
    return next((term for term in by_name if term.is_active), by_name[0] if by_name else None)


def _active(found: _Term | None, named: str, field: str) -> str:
    if found is None:
        raise errors.InvalidError(
            f"{field}: there is none called {_shown(named)}. Give the slug or the name of an existing one.",
            error=f"Invalid {field}",
        )
    if not found.is_active:
        raise errors.InvalidError(
            f"{field}: {_shown(named)} is disabled. Choose an active one.", error=f"Invalid {field}"
        )
    return found.slug


def _folded(text: str) -> str:
    return text.strip().casefold()


def _shown(text: str) -> str:
    """A value as an error may repeat it: not longer than a line."""
    longest = 100
    return repr(text if len(text) <= longest else f"{text[:longest]}…")
