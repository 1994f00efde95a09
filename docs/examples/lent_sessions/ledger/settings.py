"""The settings, read once in a process."""

from functools import cache

from crossfade.project import Project
from crossfade.settings import Settings


@cache
def settings() -> Settings:
    """What the environment said when it was first asked for."""
    return Settings.load(root=Project.find().root)
