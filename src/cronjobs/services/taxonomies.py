"""Categories and teams: which of them somebody means, and how admins keep them.

Jobs hold slugs, without a foreign key: a new name makes a new slug, and the jobs follow in the same transaction. None
is ever removed, only disabled. The tables are small, so that names are compared here rather than in SQL, where SQLite
folds the case of ASCII letters only and the two databases would disagree. How a slug is made is left to `slugs`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar, cast

from sqlalchemy import CursorResult, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from cronjobs.models import Job, JobCategory, PicTeam, User
from cronjobs.services import audit, errors, locks, slugs
from cronjobs.services.locks import Turn
from crossfade import clock
from crossfade.database.sessions import WriteSession

GENERAL = "general"
"""The category of a job that names none. It is there even where nobody seeded it."""

LONGEST_NAME = 255
LONGEST_HANDLE = 255

Term = JobCategory | PicTeam

_NOUNS: dict[type[Term], str] = {JobCategory: "category", PicTeam: "PIC team"}

T = TypeVar("T", JobCategory, PicTeam)


class New(TypedDict, total=False):
    """A category or a team to be, its texts as `display_name`, `slugs.given` and `slack_handle` returned them."""

    name: str
    slug: str | None
    """None or no mention: made of the name."""
    slack_handle: str | None
    """Of teams alone."""


class Changes(TypedDict, total=False):
    """What to change of a category or a team; a missing key leaves it as it is."""

    name: str
    is_active: bool
    slack_handle: str | None
    """Of teams alone."""


@dataclass(frozen=True)
class Changed(Generic[T]):
    """A category or a team after a change, and how many jobs followed it to a new slug."""

    term: T
    jobs_updated: int


def display_name(text: str) -> str:
    """A name, trimmed. Raises ValueError for none, and for one that is too long."""
    if not text.strip():
        raise ValueError("a name can't be blank")
    return _fitting(text.strip(), LONGEST_NAME)


def slack_handle(text: str | None) -> str | None:
    """A handle, trimmed; None for blanks. Raises ValueError for one that is too long."""
    return _fitting((text or "").strip(), LONGEST_HANDLE) or None


def listed(session: Session, kind: type[T], *, include_inactive: bool) -> list[T]:
    """All categories or teams by name, regardless of case; without the disabled ones unless they are asked for."""
    terms = session.scalars(select(kind))
    wanted = [term for term in terms if include_inactive or term.is_active]
    return sorted(wanted, key=lambda term: (term.name.lower(), term.slug))


def create(session: WriteSession, caller: User, kind: type[T], new: New) -> T:
    """Makes a category or a team. Raises ConflictError when its slug is taken, InvalidError when it can't have one."""
    locks.alone(session, Turn.TAXONOMIES)
    slug = new.get("slug") or slugs.of(new["name"])
    if slug is None:
        raise errors.InvalidError(
            "slug: it can't be made of this name, which has no letter or digit of ASCII. Send one.",
            error="Invalid slug",
        )
    _refuse_taken(session, kind, slug)
    term = kind(**(new | {"slug": slug}))
    session.add(term)
    _flush(session, kind, slug)
    audit.created(session, caller, term)
    return term


def change(session: WriteSession, caller: User, kind: type[T], term_id: str, changes: Changes) -> Changed[T]:
    """Changes what is mentioned; with a new name come a new slug and the jobs that had the old one.

    A name that no slug can be made of leaves the slug alone. Raises NotFoundError, ConflictError when the new slug is
    taken, and InvalidError when General would be renamed.
    """
    term = _locked(session, kind, term_id)
    before = audit.state(term)
    moved = _rename(session, kind, term, changes["name"]) if changes.get("name", term.name) != term.name else 0
    if "is_active" in changes:
        term.is_active = changes["is_active"]
    if "slack_handle" in changes and isinstance(term, PicTeam):
        term.slack_handle = changes["slack_handle"]
    _flush(session, kind, term.slug)
    audit.changed(session, caller, term, before)
    return Changed(term, moved)


def disable(session: WriteSession, caller: User, kind: type[T], term_id: str) -> T:
    """Disables a category or a team: jobs keep it, and no job gets it any more. Raises NotFoundError."""
    term = _locked(session, kind, term_id)
    before = audit.state(term)
    term.is_active = False
    session.flush()
    audit.changed(session, caller, term, before, action=audit.DISABLED)
    return term


def hold(session: WriteSession) -> None:
    """No category or team changes from here to the end of the transaction, so that a job may be given its slug.

    Take it before locking the job: who renames locks the terms first and then the jobs.
    """
    locks.together(session, Turn.TAXONOMIES)


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


def _locked(session: WriteSession, kind: type[T], term_id: str) -> T:
    locks.alone(session, Turn.TAXONOMIES)
    term = session.get(kind, term_id, with_for_update=True, populate_existing=True)
    if term is None:
        noun = _NOUNS[kind]
        raise errors.NotFoundError(f"There is no {noun} with this id.", error=f"{noun[0].upper()}{noun[1:]} not found")
    return term


def _rename(session: WriteSession, kind: type[Term], term: Term, name: str) -> int:
    """Gives the term a name and the slug that goes with it; the number of jobs that followed."""
    if kind is JobCategory and term.slug == GENERAL:
        raise errors.InvalidError(
            "General can't be renamed: it is the category of jobs that name none.", error="Cannot rename General"
        )
    old, new = term.slug, slugs.of(name) or term.slug
    if new == old:
        term.name = name
        return 0
    _refuse_taken(session, kind, new)
    moved = _move_jobs(session, Job.category if kind is JobCategory else Job.pic_team, old, new)
    term.name, term.slug = name, new
    return moved


def _move_jobs(session: WriteSession, column: InstrumentedAttribute[Any], old: str, new: str) -> int:
    moment = clock.naive_utc()
    moved = session.execute(
        update(Job)
        .where(column == old)
        # The jobs have changed, but not when they run: what was planned stays planned (see `runs`).
        .values(
            {
                column: new,
                Job.updated_at: moment,
                Job.planned_at: case((Job.planned_at == Job.updated_at, moment), else_=Job.planned_at),
            }
        )
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", moved).rowcount


def _refuse_taken(session: WriteSession, kind: type[Term], slug: str) -> None:
    if session.scalar(select(kind.id).where(kind.slug == slug)) is not None:
        raise _taken(kind, slug)


def _flush(session: WriteSession, kind: type[Term], slug: str) -> None:
    """Write. The legacy application takes no lock, and may have taken the slug at this very moment."""
    try:
        session.flush()
    except IntegrityError as error:
        raise _taken(kind, slug) from error


def _taken(kind: type[Term], slug: str) -> errors.ConflictError:
    return errors.ConflictError(
        f"There is a {_NOUNS[kind]} with the slug {slug!r} already. It may be disabled: then enable it.",
        error="Duplicate slug",
    )


def _fitting(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"this has at most {longest} characters")
    return text


def _meant(terms: Iterable[Term], named: str) -> Term | None:
    """The term of that slug, else of that name; of several that share a name an active one, first by slug."""
    wanted = _folded(named)
    by_name: list[Term] = []
    for term in terms:
        if _folded(term.slug) == wanted:
            return term
        if _folded(term.name) == wanted:
            by_name.append(term)
    return next((term for term in by_name if term.is_active), by_name[0] if by_name else None)


def _active(found: Term | None, named: str, field: str) -> str:
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
