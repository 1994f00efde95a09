"""What only the bookshop knows to be wrong."""

import os

from crossfade.findings import Finding


def findings(settings):
    """Complains when the shop is said to be haunted."""
    if os.environ.get("HAUNTED"):
        return [Finding("ghosts", "warning", "the shop is haunted", "Unset HAUNTED.")]
    return []
