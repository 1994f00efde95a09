"""Where a schema is, and where it should be: its steps, its drift, the way in for databases from before the steps."""

from crossfade.revisions.adoption import Adoption
from crossfade.revisions.drift import drift
from crossfade.revisions.installation import Action, Report, check, grouped, initialise
from crossfade.revisions.steps import Revisions, Step, current

__all__ = ["Action", "Adoption", "Report", "Revisions", "Step", "check", "current", "drift", "grouped", "initialise"]
