"""A fixture that fails a test when a package still imports what has left. Finding out is `crossfade.absence`."""

from collections.abc import Callable

import pytest

from crossfade import absence


@pytest.fixture(scope="session")
def no_django() -> Callable[..., None]:
    """`no_django("shop")` fails the test, and says where, if the package imports Django in any way.

    >>> def test_django_has_left(no_django):  # doctest: +SKIP
    ...     no_django("shop", exclude=["shop.legacy"])
    """

    def check(*packages: str, exclude: tuple[str, ...] | list[str] = ()) -> None:
        report = absence.look(*packages, exclude=exclude)
        if report.found or not report.certain:
            verdict = "is used" if report.found else "may be used"
            lines = "\n".join(absence.told(report))
            pytest.fail(f"{', '.join(packages)}: {report.absent} {verdict}\n{lines}", pytrace=False)

    return check
