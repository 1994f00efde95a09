"""Every way to import Django is seen, and whoever does without it is believed."""

from pathlib import Path

import pytest

from crossfade import absence
from crossfade.errors import ConfigurationError


def places(report):
    return [(Path(one.file).name, one.line, one.target, one.how) for one in report.imports]


def test_a_package_that_does_without_is_believed(look):
    report = look({"shop/models.py": "import decimal, json", "shop/django_like.py": "import this_is_not_django as x"})

    assert (report.found, places(report)) == (False, [])


def test_a_name_that_only_begins_alike_is_another_package(look, package):
    package({"djangoesque/__init__.py": ""})

    report = look({"shop/models.py": "import djangoesque\nimport importlib\nimportlib.import_module('djangoesque')\n"})

    assert not report.found


def test_the_sources_own_module_of_that_name_is_not_meant(look):
    report = look({"shop/django.py": "", "shop/models.py": "from shop import django\nfrom . import django as same\n"})

    assert not report.found


def test_an_import_at_once_is_named_with_its_place(look):
    report = look({"shop/models.py": "import json\nfrom django.utils import timezone\n"})

    assert places(report) == [("models.py", 2, "django.utils", "at once")]
    assert [(Path(step.file).name, step.line, step.module) for step in report.chain] == [("models.py", 2, "django")]


def test_an_import_in_a_function_is_seen_though_nothing_calls_it(look):
    report = look({"shop/models.py": "async def total():\n    from django.db import models\n    return models\n"})

    assert ("models.py", 2, "django.db", "when called") in places(report)
    assert report.chain == ()


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nimportlib.import_module('django.db')",
        "from importlib import import_module as import_module\nimport_module(name='django.db')",
        "__import__('django.db')",
        "import importlib\nNAME = 'django.db'\nimportlib.import_module(NAME)",
        "import importlib\nNAME: str = 'django'\nimportlib.import_module(NAME + '.db')",
        "import importlib\nimportlib.import_module(f'django.{chr(100)}b')",
        "import importlib\nimportlib.import_module('django.%s' % 'db')",
        "import importlib\nimportlib.import_module('.db', package='django')",
        "import importlib\nimportlib.import_module('.db', 'django')",
        "import pkgutil\npkgutil.resolve_name('django.db:models')",
        "import runpy\nrunpy.run_module('django.db')",
        "exec('import json\\nimport django.db')",
    ],
)
def test_an_import_by_a_name_in_a_string_is_seen(look, code):
    body = "\n    ".join(code.splitlines())

    report = look({"shop/models.py": f"def called():\n    {body}\n"})

    assert report.found
    assert report.chain == ()
    assert places(report)[0][2].startswith("django")


def test_what_a_type_checker_alone_reads_is_no_use(look):
    report = look(
        {
            "shop/models.py": """
            import typing
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from django.db.models import Model
            if typing.TYPE_CHECKING:
                import django
            else:
                import json
            """
        }
    )

    assert not report.found


def test_an_indirect_import_is_told_with_every_step(look, package):
    package({"prices/__init__.py": "\nfrom prices import rates\n", "prices/rates.py": "\n\nimport django.apps\n"})

    report = look({"shop/__init__.py": "import shop.models\n", "shop/models.py": "import prices\n"})

    assert report.imports == ()
    assert [(Path(step.file).parent.name, Path(step.file).name, step.line, step.module) for step in report.chain] == [
        ("shop", "__init__.py", 1, "shop.models"),
        ("shop", "models.py", 1, "prices"),
        ("prices", "__init__.py", 2, "prices.rates"),
        ("prices", "rates.py", 3, "django"),
    ]


def test_an_indirect_import_that_waits_for_a_call_is_told_from_there(look, package):
    package({"prices.py": "import django\n"})

    report = look({"shop/models.py": "def total():\n    import prices\n    return prices\n"})

    assert [(Path(step.file).name, step.line, step.module) for step in report.chain] == [
        ("models.py", 2, "prices"),
        ("prices.py", 1, "django"),
    ]


def test_an_indirect_import_by_name_is_told_from_there(look, package):
    package({"prices.py": "import django\n"})

    report = look({"shop/models.py": "import importlib\n\ndef f():\n    importlib.import_module('prices')\n"})

    assert [(Path(step.file).name, step.line) for step in report.chain] == [("models.py", 4), ("prices.py", 1)]


def test_a_script_of_a_tools_that_needs_its_tool_is_looked_at_by_its_imports(look, package):
    package({"prices.py": "import django\n"})

    report = look({"shop/env.py": "import prices\nprint(given_by_the_tool)\n"})

    assert [(one.module, one.lacking) for one in report.unlooked] == [("shop.env", False)]
    assert report.found
    assert report.certain


def test_a_file_that_no_import_reaches_is_read_too(look):
    report = look({"shop/versions/0001_first.py": "import django\n", "shop/__main__.py": "import django\n"})

    assert [one[0] for one in places(report)] == ["__main__.py", "0001_first.py"]


def test_what_is_left_out_is_not_looked_at(look):
    report = look({"shop/legacy/admin.py": "import django\n"}, exclude=["shop.legacy"])

    assert not report.found


def test_a_name_that_only_the_run_knows_is_told_as_open(look):
    report = look({"shop/models.py": "import importlib\n\ndef f(name):\n    importlib.import_module(name)\n"})

    assert not report.found
    assert [(Path(one.file).name, one.line) for one in report.open] == [("models.py", 4)]


def test_a_missing_library_leaves_it_open_what_that_would_load(look):
    report = look({"shop/models.py": "import a_library_that_is_not_installed\n"})

    assert not report.certain


def test_a_module_that_exits_or_prints_spoils_nothing(look):
    report = look({"shop/run.py": "import sys\nprint('{}')\nsys.exit(0)\n", "shop/zoo.py": "import django\n"})

    assert report.found


def test_a_package_that_uses_what_is_not_installed_uses_it_all_the_same(package, tmp_path):
    package({"shop/__init__.py": "import the_one_that_left\n"})

    assert absence.look("shop", absent="the_one_that_left", path=[str(tmp_path)]).found


def test_a_line_is_told_once(look):
    report = look({"shop/models.py": "def f():\n    from django.db import models, connection\n"})

    assert len(report.imports) == 1


def test_a_single_module_can_be_looked_at(package, tmp_path):
    package({"one.py": "import django\n"})

    assert absence.look("one", path=[str(tmp_path)]).found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("src/shop", "'src/shop' is no name of a package: write it as in `import shop`"),
        ("shoop", "there is no package 'shoop' in"),
        ("shop.nothing", "there is no package 'shop.nothing' in"),
    ],
)
def test_a_package_that_is_not_there_is_named(package, tmp_path, name, message):
    package({"shop/__init__.py": ""})

    with pytest.raises(ConfigurationError, match=message):
        absence.look(name, path=[str(tmp_path)])


@pytest.mark.parametrize(
    ("code", "message"),
    [("def", "can't be read as Python"), ("raise RuntimeError('no luck')", "can't be imported: RuntimeError: no luck")],
)
def test_a_package_that_cannot_be_imported_says_why(look, code, message):
    with pytest.raises(ConfigurationError, match=message):
        look({"shop/__init__.py": code})


def test_a_package_that_ends_its_process_is_named(look):
    with pytest.raises(ConfigurationError, match="the process that imports shop ended with 7"):
        look({"shop/__init__.py": "import os\nos._exit(7)\n"})
