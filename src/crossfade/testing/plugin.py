"""The pytest plugin: in a project that crossfade serves, a test run touches disposable databases alone.

It makes TESTING true for the run and everything that it starts, so that no route falls back to DATABASE_URL, and looks
at the databases that the run would use before the first test is collected. A run that would touch one that is not
disposable, or that asks for something that can't be meant, ends there, with exit code 4. It brings the fixtures of
`fixtures`. In a folder without `[tool.crossfade]` it does nothing.

Imports of the router stand inside the functions: a plugin is loaded before coverage measures anything.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy import URL

    from crossfade.project import Project
    from crossfade.settings import Settings
    from crossfade.testing.audit import Audit
    from crossfade.testing.databases import Run
    from crossfade.testing.options import Options

USAGE_ERROR = 4
"""pytest's own exit code for a command line that can't be run."""
_PACKAGE = "crossfade.testing."
_TO_BE_OVERRIDDEN = {"crossfade_seed", "crossfade_variables"}
_SHARED = ("crossfade_folder", "crossfade_token", "crossfade_server")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which databases the tests use."""
    from crossfade.testing import options

    options.add(parser)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before the first `conftest.py` is imported, and with it maybe an application that makes its engine at once."""
    from crossfade.errors import CrossfadeError, ProjectError, ProjectNotFoundError
    from crossfade.project import Project

    try:
        Project.find(early_config.rootpath)
        _force_testing()
    except (ProjectNotFoundError, ProjectError):
        # Said, if it is to be said, when pytest is configured.
        return
    except CrossfadeError as error:
        raise pytest.UsageError(_refusal(error)) from None
    try:
        _audit(early_config)
    except ModuleNotFoundError as error:
        # crossfade may be there for the application alone, and brings this plugin nevertheless.
        raise pytest.UsageError(_refusal(f"there is no {error.name}; install crossfade[testing]")) from None


def pytest_configure(config: pytest.Config) -> None:
    """Refuses the run, before collection, when it would touch a database that is not disposable."""
    from crossfade.errors import CrossfadeError, ProjectNotFoundError
    from crossfade.project import Project

    config.addinivalue_line(
        "markers",
        'crossfade(isolation="restore"|"joint"|"clone", elsewhere=False): how the rows of this test are kept from the'
        " next one; elsewhere=True says that it has engines on other databases, and means it",
    )
    try:
        project = Project.find(config.rootpath)
        _force_testing()
        settings = project.load("settings").load(root=project.root)
        _look_before_the_first_test(settings, config)
        _plan(config, project, settings)
    except ProjectNotFoundError as error:
        _without_project(config, error)
    except CrossfadeError as error:
        pytest.exit(_refusal(error), returncode=USAGE_ERROR)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of pytest-xdist what all of them share."""
    from crossfade.testing.fixtures import PLAN

    if PLAN in node.config.stash:
        run = node.config.stash[PLAN].run
        server = None if run.server is None else run.server.render_as_string(hide_password=False)
        node.workerinput |= dict(zip(_SHARED, (str(run.folder), run.token, server), strict=True))


def _refusal(error: object) -> str:
    return f"crossfade refuses this test run: {error}"


def _audit(config: pytest.Config) -> "Audit":
    """The one audit of this run, from its beginning to its end."""
    from crossfade.testing.audit import AUDIT, Audit

    if AUDIT not in config.stash:
        ends = ExitStack()
        config.stash[AUDIT] = ends.enter_context(Audit().installed())
        config.add_cleanup(ends.close)
    return config.stash[AUDIT]


def _without_project(config: pytest.Config, error: Exception) -> None:
    """Leaves a folder alone that has no project; but whoever asks for something there is told why he can't have it."""
    from crossfade.testing import options, unserved

    asked = options.given(config)
    if asked is not None:
        pytest.exit(_refusal(f"{asked}, but there is no project: {error}"), returncode=USAGE_ERROR)
    config.pluginmanager.register(unserved.Unserved(error), "crossfade-unserved")


def _force_testing() -> None:
    from crossfade.errors import SettingsError
    from crossfade.settings import flag

    said = os.environ.get("TESTING", "").strip()
    if said and not flag(said):
        raise SettingsError(reason=f"TESTING is {said!r} (environment): a test run needs it true, or unset")
    os.environ["TESTING"] = "true"


def _look_before_the_first_test(settings: "Settings", config: pytest.Config) -> None:
    from crossfade.database import stamps
    from crossfade.errors import DatabaseMissingError
    from crossfade.router import Router
    from crossfade.testing import options

    router = Router(settings, name="crossfade:pytest")
    hosts = options.hosts(config)
    try:
        for route in router.routes.distinct():
            stamps.ensure_named(route, hosts=hosts)
            if route.in_memory or (route.path is not None and not route.path.exists()):
                continue
            try:
                with router.engine(route.stack).connect() as connection:
                    stamps.ensure_disposable(connection, route, hosts=hosts)
            except DatabaseMissingError:
                continue
    finally:
        router.dispose()


def _look_at_the_named(url: "URL", chosen: "Options", config: pytest.Config) -> None:
    """The same for a database that an option names, and those that the workers of pytest-xdist have beside it."""
    from crossfade.testing import databases, stores

    for worker in ("", *(f"gw{number}" for number, _ in enumerate(getattr(config.option, "tx", None) or []))):
        stores.refuse_foreign(databases.of_worker(url, worker), chosen.source, hosts=chosen.hosts)


def _plan(config: pytest.Config, project: "Project", settings: "Settings") -> None:
    """What the fixtures need to know, and the fixtures themselves."""
    from crossfade.testing import fixtures, options
    from crossfade.testing.databases import Databases, environment
    from crossfade.testing.guest.hosts import Hosts

    named = settings.test_database_url
    said = None if named is None else (named, settings.source_of("test_database_url"))
    chosen = options.read(config, root=project.root, environment=said)
    run = _run(config, chosen)
    if chosen.url is not None and not run.worker:
        _look_at_the_named(chosen.url, chosen, config)
    hosts = Hosts()
    config.add_cleanup(hosts.close)
    config.stash[fixtures.PLAN] = fixtures.Plan(project, chosen, run, _audit(config), hosts)
    _refuse_twins(config, fixtures)
    config.pluginmanager.register(fixtures, "crossfade-fixtures")
    for module in _more(config):
        # By this name, a project that has the module in its `pytest_plugins` has it already.
        config.pluginmanager.import_plugin(module)
    if chosen.said:
        # Before anything is collected: an application may be made while its module is imported.
        os.environ.update(environment(Databases(project, chosen, run, hosts=hosts).url(chosen.kinds[0])))


def _more(config: pytest.Config) -> list[str]:
    """Modules with fixtures besides: those that need pytest-django only where it is in use."""
    django = ["crossfade.testing.guest.fixtures", "crossfade.testing.guest.databases"]
    return ["crossfade.testing.absence", *(django if config.pluginmanager.has_plugin("django") else [])]


def _refuse_twins(config: pytest.Config, fixtures: ModuleType) -> None:
    """Raises ConfigurationError for a fixture that another plugin brings too: a test would get either.

    Unless a `conftest.py` above all tests says which: that is what they get.
    """
    from crossfade.errors import ConfigurationError

    said, others = [], []
    for plugin, brought in config.pluginmanager.list_name_plugin():
        if Path(getattr(brought, "__file__", None) or "").name == "conftest.py":
            said.append(brought)
        elif not getattr(brought, "__name__", "").startswith(_PACKAGE):
            others.append((plugin, brought))
    undecided = {name for name in fixtures.names() if not any(hasattr(conftest, name) for conftest in said)}
    for plugin, brought in others:
        for name in sorted(undecided - _TO_BE_OVERRIDDEN):
            if fixtures.is_fixture(getattr(brought, name, None)):
                raise ConfigurationError(
                    reason=f"the fixture {name} comes from two plugins, crossfade and {plugin}: leave one of them out "
                    f"(-p no:{plugin}), or say in conftest.py which one {name} is"
                )


def _run(config: pytest.Config, chosen: "Options") -> "Run":
    from sqlalchemy import make_url

    from crossfade.testing import databases, places, postgres
    from crossfade.testing.databases import Run

    given = getattr(config, "workerinput", None)
    if given is not None:
        folder, token, server = (given[name] for name in _SHARED)
        url = None if server is None else make_url(server)
        return Run(Path(folder), token=token, server=url, worker=given["workerid"])
    ends = ExitStack()
    config.add_cleanup(ends.close)
    folder = ends.enter_context(places.place("run-", room=postgres.ROOM))
    run = Run(folder, server=_server(config, chosen))
    lasting = databases.standing(chosen, run)
    if lasting is not None and "postgresql" in chosen.kinds:
        # Now, because a server that doesn't answer is a matter of the command line and not of the first test.
        lasting.ensure_able()
        config.add_cleanup(lasting.drop_template)
    return run


def _server(config: pytest.Config, chosen: "Options") -> "URL | None":
    """One PostgreSQL server for the whole run, if the run is on PostgreSQL; a single test that is gets one later.

    One process alone starts the server of the wheel when a test asks for it: most runs of a developer's do not.
    """
    from crossfade.testing import providers

    if "postgresql" not in chosen.kinds or chosen.url is not None or config.option.collectonly:
        return None
    if chosen.postgres == "embedded" and not getattr(config.option, "numprocesses", None):
        return None
    ends = ExitStack()
    config.add_cleanup(ends.close)
    return ends.enter_context(providers.serve(chosen.postgres))
