"""How commands write instants, and what two of them say alike."""

from datetime import datetime

from crossfade import clock


def instant(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, milliseconds, `Z`, as the API has it."""
    if moment is None:
        return None
    return clock.utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute(moment: datetime | None) -> str:
    """For people: UTC, to the second only if it has one."""
    if moment is None:
        return "-"
    utc = clock.utc(moment)
    return f"{utc:%Y-%m-%d %H:%M}" if utc.second == 0 else f"{utc:%Y-%m-%d %H:%M:%S}"


def switch(owner: str, changed_by: str | None, changed_at: datetime | None) -> str:
    """Whose processes may fire, and who said so."""
    if changed_at is None:
        return f"owner: {owner} (nobody has ever turned it)"
    return f"owner: {owner} (turned by {changed_by or 'somebody'} at {minute(changed_at)} UTC)"
