"""Databases as Django says them, read in the router's words: DB_* (`variables`) and settings.DATABASES (`databases`).

The rules are Django's own. Django itself is not needed and never imported.
"""

from crossfade.django.databases import Database, effective, read
from crossfade.django.variables import named, url

__all__ = ["Database", "effective", "named", "read", "url"]
