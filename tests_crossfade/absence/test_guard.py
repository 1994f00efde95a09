"""`crossfade guard django`, and the fixture that asks the same."""

import json
import subprocess
import sys

CLEAN = {"shop/__init__.py": "import json\n"}


def test_a_package_without_django_passes(guard, package):
    package(CLEAN)

    result = guard("shop")

    assert (result.returncode, result.stdout) == (0, "shop: django is not used (1 files read).\n")


def test_a_package_with_django_fails_and_the_place_and_the_way_are_named(guard, package, tmp_path):
    package(CLEAN | {"shop/models.py": "import prices\n", "shop/late.py": "def f():\n    import django\n"})
    package({"prices.py": "import django\n"})

    result = guard("shop")

    assert result.returncode == 1
    assert f"{tmp_path}/shop/late.py:2 imports django, when called (shop.late)" in result.stdout
    assert f"{tmp_path}/shop/models.py:1 imports prices\n  {tmp_path}/prices.py:1 imports django\n" in result.stdout


def test_what_cannot_be_told_is_a_code_of_its_own(guard, package):
    package(CLEAN | {"shop/models.py": "import a_library_that_is_not_installed\n"})

    result = guard("shop")

    assert result.returncode == 2
    assert "No module named 'a_library_that_is_not_installed'" in result.stdout
    assert "whether django is used can't be told" in result.stdout


def test_a_package_that_is_not_there_is_one_line(guard):
    result = guard("shoop")

    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no package 'shoop' in ")
    assert len(result.stderr.splitlines()) == 1


def test_modules_can_be_left_out_and_several_packages_looked_at(guard, package):
    package(CLEAN | {"shop/legacy.py": "import django\n", "stock/__init__.py": ""})

    assert guard("shop", "stock", "--exclude", "shop.legacy").returncode == 0


def test_the_answer_can_be_json(guard, package):
    package(CLEAN | {"shop/models.py": "import django\n"})

    answer = json.loads(guard("shop", "--json").stdout)

    assert answer["ok"] is False
    assert answer["imports"][0]["line"] == 1
    assert answer["chain"][0]["module"] == "django"


def test_the_router_and_its_first_application_do_without_django(guard):
    assert guard("crossfade", "cronjobs", "--exclude", "crossfade.testing").returncode == 0


def test_the_fixture_passes_or_fails_a_test(package, environ, tmp_path):
    package(CLEAN | {"stock/__init__.py": "def f():\n    import django\n", "conftest.py": ""})
    package(
        {
            "test_it.py": """
            from crossfade.testing.absence import no_django

            def test_shop(no_django):
                no_django("shop")

            def test_stock(no_django):
                no_django("stock")

            def test_stock_without_it_all(no_django):
                no_django("shop", "stock", exclude=["stock"])
            """
        }
    )

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(tmp_path)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "1 failed, 2 passed" in result.stdout
    assert "stock: django is used" in result.stdout
    assert "stock/__init__.py:2 imports django, when called (stock)" in result.stdout
