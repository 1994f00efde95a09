"""In a folder without `[tool.crossfade]` the plugin has no fixtures: a test that asks for one is told so."""

from collections.abc import Collection

import pytest


class Unserved:
    """A plugin for such a folder."""

    def __init__(self, reason: Exception) -> None:
        """`reason` says where a project was looked for."""
        self._reason = reason

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """pytest's own words would be a list of the fixtures that there are."""
        error = None if call.excinfo is None else call.excinfo.value
        if isinstance(error, pytest.FixtureLookupError) and error.msg is None and error.argname in _names():
            error.msg = f"the fixture {error.argname} is crossfade's, for tests of a project. {self._reason}"


def _names() -> Collection[str]:
    # Only now: in a folder that has nothing to do with it, the plugin is to cost nothing, and to need nothing.
    try:
        from crossfade.testing import absence, fixtures
    except ModuleNotFoundError:
        return ()
    return {*fixtures.names(), absence.no_django.__name__}
