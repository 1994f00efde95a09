"""What `crossfade doctor` reports: misconfigurations. Applications add their own: `checks` in [tool.crossfade]."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One misconfiguration, in words for the person who can mend it. No secrets in it."""

    code: str
    """Kebab-case; never changes for one kind of finding."""
    severity: Severity
    """An error keeps something from working; a warning works until it doesn't."""
    message: str
    """What is wrong, with the value and its source."""
    remedy: str
    """What to do."""
