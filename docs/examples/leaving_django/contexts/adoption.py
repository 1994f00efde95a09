"""What `crossfade init` has to know of a database that Django made."""

from crossfade.revisions import Adoption

adoption = Adoption(
    # Django's own bookkeeping. It may stay for as long as somebody wants to go back.
    ignored_tables=frozenset({"django_admin_log", "django_migrations", "django_session"})
)
