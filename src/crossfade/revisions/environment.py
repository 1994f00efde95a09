"""The body of a project's `env.py`, for Alembic's own commands, which write new steps and show SQL.

They get the Flask route's database, as the settings say; `crossfade init` is what upgrades.
"""

from types import ModuleType
from typing import Any

from crossfade.database.engines import Engines
from crossfade.project import Project
from crossfade.revisions.adoption import Adoption
from crossfade.revisions.drift import BOOKKEEPING
from crossfade.revisions.steps import lock
from crossfade.routes import resolve


def run(context: ModuleType) -> None:
    """Runs what Alembic's command asks for, in one transaction; `context` is `alembic.context`."""
    project = Project.find()
    route = resolve(project.load("settings").load(root=project.root)).flask
    adoption: Adoption = project.load("adoption") if project.adoption else Adoption()
    skipped = BOOKKEEPING | adoption.ignored_tables
    options: dict[str, Any] = {
        "target_metadata": project.load("metadata"),
        "include_name": lambda name, kind, _parents: not (kind == "table" and name in skipped),
    }
    if context.is_offline_mode():
        context.configure(url=route.url, literal_binds=True, **options)
        context.run_migrations()
        return
    engines = Engines(name="crossfade:alembic", statement_timeout=0)
    try:
        with engines.sync_engine(route).begin() as connection:
            lock(connection)
            context.configure(connection=connection, **options)
            context.run_migrations()
    finally:
        engines.dispose()
