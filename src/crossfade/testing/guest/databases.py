"""In a test with Django's database, the fixtures of the two stacks are on that database.

Django makes it, puts it back and destroys it. A module of its own, because it stands on the plugin's fixtures, which
are there in a project of the router's only.
"""

from collections.abc import Generator
from dataclasses import replace

import pytest

from crossfade.django import Database as DjangosDatabase
from crossfade.testing import fixtures
from crossfade.testing.databases import Database, Databases
from crossfade.testing.guest.fixtures import commits, uses_django
from crossfade.testing.options import Kind

_UNCOMMITTED = (
    "what this test writes is never committed, and a server in another process would not see it: mark the test "
    "django_db(transaction=True)"
)
_IN_MEMORY = (
    "Django tests in the memory of this process, and a server in another one would not see it: name a file in "
    "DATABASES['default']['TEST']['NAME']"
)


@pytest.fixture(scope="session")
def _opened(
    request: pytest.FixtureRequest, django_database: DjangosDatabase, crossfade_databases: Databases
) -> Generator[Database]:
    """Django's database with a router of ours on it, and with what is made on both."""
    kind: Kind = "postgresql" if django_database.url.drivername == "postgresql" else "sqlite"
    database = crossfade_databases.lent(kind, django_database.url)
    yield database
    database.close()


@pytest.fixture
def crossfade_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Django's database in a test that uses it, the plugin's own in every other one."""
    if not uses_django(request):
        yield request.getfixturevalue("crossfade_database")
        return
    _refuse_isolation(request.node)
    plan = request.config.stash[fixtures.PLAN]
    opened: Database = request.getfixturevalue("_opened")
    database = replace(opened, hidden=_hidden(request))
    before = plan.audit.out()
    databases = request.getfixturevalue("crossfade_databases")
    with fixtures.alone(plan, databases, database, request.node, source="Django's of this run") as strangers:
        yield database
    complaints = [*strangers, *fixtures.left_open(plan, before)]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def _hidden(request: pytest.FixtureRequest) -> str | None:
    if request.getfixturevalue("django_database").in_memory:
        return _IN_MEMORY
    return None if commits(request) else _UNCOMMITTED


def _refuse_isolation(item: pytest.Item) -> None:
    mark = item.get_closest_marker("crossfade")
    if mark is not None and "isolation" in mark.kwargs:
        pytest.fail(
            f"{item.nodeid} is a test with Django's database, whose rows Django puts back: take isolation="
            f"{mark.kwargs['isolation']!r} out of @pytest.mark.crossfade",
            pytrace=False,
        )
