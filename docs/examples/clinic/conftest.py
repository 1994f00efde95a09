"""Each test many times over, if somebody wants to know what it costs: see measure.py."""

import os


def pytest_generate_tests(metafunc):
    if "time" in metafunc.fixturenames:
        metafunc.parametrize("time", range(int(os.environ.get("TIMES", "2"))))
