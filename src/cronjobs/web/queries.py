"""What a query string means: one reading for both stacks.

Numbers never fail: junk is the default, what is out of range the nearest allowed value. Dates do: junk is refused. An
empty parameter is none. The first functions read what each list of the contract knows, the rest one parameter each.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from cronjobs.models import User
from cronjobs.models.users import ADMIN
from cronjobs.services import audit as audit_services
from cronjobs.services import executions as execution_services
from cronjobs.services import jobs as job_services
from cronjobs.services import notifications as notification_services
from cronjobs.services.errors import InvalidError
from cronjobs.services.pages import Page
from cronjobs.services.periods import Period
from crossfade import clock
from crossfade.settings import flag as yes_or_no

Query = Mapping[str, str]

LAST_PAGE = 1_000_000
"""Beyond it a page is as empty as any; the row numbers stay within what databases count with."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.,]+(?:[Zz]|[+-][0-9:]+)?")
_DIGITS = 18
"""Of what is compared as a number; a longer one is out of every range."""


def jobs(query: Query) -> tuple[job_services.Wanted, Page | None]:
    """Which jobs, and which page of them; without a page, all."""
    wanted = job_services.Wanted(
        search=text(query, "search"),
        category=text(query, "category"),
        pic_team=text(query, "pic_team"),
        is_active=flag(query, "is_active"),
    )
    return wanted, page(query, size="per_page", default=20, most=100) if query.get("page", "").strip() else None


def next_runs(query: Query) -> int:
    """How many of a job's next runs."""
    return number(query, "count", default=5, most=20)


def executions_of_job(query: Query) -> tuple[execution_services.Wanted, int]:
    """Which executions of a job, and at most how many."""
    wanted = execution_services.Wanted(
        statuses=words(query, "status"),
        states=words(query, "state"),
        trigger_types=words(query, "trigger_type"),
        period=period(query),
    )
    return wanted, number(query, "limit", default=50, most=200)


def executions(query: Query) -> tuple[execution_services.Wanted, Page]:
    """Which executions of all, and which page of them."""
    wanted = execution_services.Wanted(
        job_id=text(query, "job_id"),
        statuses=words(query, "status"),
        states=words(query, "state"),
        trigger_types=words(query, "trigger_type"),
        execution_types=words(query, "execution_type"),
        period=period(query),
    )
    return wanted, page(query, size="limit", default=20, most=200)


def execution_statistics(query: Query) -> execution_services.Wanted:
    """Which executions are counted."""
    return execution_services.Wanted(job_id=text(query, "job_id"), period=period(query))


def notifications(query: Query) -> tuple[notification_services.Wanted, Page]:
    """Which notifications of an inbox, and which page of them."""
    wanted = notification_services.Wanted(unread_only=flag(query, "unread_only") or False, period=period(query))
    return wanted, page(query, size="per_page", default=20, most=100)


def audit(query: Query) -> tuple[audit_services.Wanted, Page]:
    """Which events of the audit log, and which page of them."""
    wanted = audit_services.Wanted(
        actor=text(query, "actor"),
        kinds=words(query, "kind"),
        actions=words(query, "action"),
        period=period(query),
    )
    return wanted, page(query, size="per_page", default=20, most=100)


def disabled_too(query: Query, caller: User) -> bool:
    """Whether a list of categories or teams shows the disabled ones: to admins who ask for it."""
    return caller.role == ADMIN and (flag(query, "include_inactive") or False)


def number(query: Query, name: str, *, default: int, most: int, least: int = 1) -> int:
    """A whole number from `least` to `most`."""
    return nearest(query.get(name, ""), default=default, most=most, least=least)


def nearest(written: object, *, default: int, most: int, least: int = 1) -> int:
    """What somebody wrote, as a whole number from `least` to `most`; `default` for what is no number."""
    digits = str(written).strip()
    if not _WHOLE.fullmatch(digits):
        return default
    if len(digits) > _DIGITS:
        return least if digits.startswith("-") else most
    return min(max(int(digits), least), most)


def page(query: Query, *, size: str, default: int, most: int) -> Page:
    """The page that is asked for by `page` and a parameter named `size`."""
    return Page(number(query, "page", default=1, most=LAST_PAGE), number(query, size, default=default, most=most))


def text(query: Query, name: str) -> str | None:
    """Trimmed text; None for none. Raises InvalidError for what no database could be asked for."""
    value = query.get(name, "").strip()
    if "\x00" in value:
        raise InvalidError(f"{name}: text must not contain the character U+0000.")
    return value or None


def words(query: Query, name: str) -> tuple[str, ...]:
    """The values of a comma-separated list, in lower case. Raises InvalidError as `text` does."""
    parts = (part.strip().lower() for part in (text(query, name) or "").split(","))
    return tuple(part for part in parts if part)


def flag(query: Query, name: str) -> bool | None:
    """Yes or no, as settings write it; None for none and for junk."""
    try:
        return yes_or_no(query.get(name, ""))
    except ValueError:
        return None


def period(query: Query) -> Period:
    """`from` (inclusive) to `to` (exclusive; a whole day if it is a date only), in UTC unless they name an offset.

    Raises InvalidError for a junk date, and for a span that ends before it begins.
    """
    start, end = _start(query.get("from", "").strip()), _end(query.get("to", "").strip())
    if start is not None and end is not None and start >= end:
        raise InvalidError("from must be earlier than to.", error="Invalid date range")
    return Period(start, end)


def _start(written: str) -> datetime | None:
    if not written:
        return None
    if _DAY.fullmatch(written):
        return datetime.combine(_day("from", written), time(), UTC)
    return _instant("from", written)


def _end(written: str) -> datetime | None:
    if not written:
        return None
    if not _DAY.fullmatch(written):
        return _instant("to", written)
    day = _day("to", written)
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _day(name: str, written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise _junk(name) from None


def _instant(name: str, written: str) -> datetime:
    if not _INSTANT.fullmatch(written):
        raise _junk(name)
    try:
        return clock.utc(datetime.fromisoformat(written.upper()))
    except (ValueError, OverflowError):
        raise _junk(name) from None


def _junk(name: str) -> InvalidError:
    message = f"{name}: write a date like 2026-11-21, or an instant like 2026-11-21T07:00:00Z."
    return InvalidError(message, error="Invalid date")
