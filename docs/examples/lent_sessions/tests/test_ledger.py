"""The layer is pointed at another database by a test, and at the test's own transaction by another one."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crossfade.errors import DatabaseInUseError, NotConfiguredError
from crossfade.router import Router
from ledger import accounts, database
from ledger.models import Account


@pytest.fixture
def reconfigured(crossfade_fastapi_app, crossfade_router):
    """For one test the layer is on the database of the tests, whatever the application has read and cached before."""
    with database.router.override(crossfade_router.settings) as router:
        yield router


@pytest.fixture
def saved(reconfigured):
    """Two accounts, committed."""
    accounts.open_account("Ada", 100)
    accounts.open_account("Bob", 0)


async def test_the_layer_follows_at_once_sync_and_async(saved):
    accounts.transfer("Ada", "Bob", 30)

    assert [await accounts.balance(name) for name in ("Ada", "Bob")] == [70, 30]


async def test_so_does_the_application_that_was_made_before(saved, fastapi_client):
    assert (await fastapi_client.get("/accounts/Ada")).json() == 100
    assert (await fastapi_client.get("/accounts/Eve")).status_code == 404


async def test_what_fails_half_way_leaves_no_trace(saved):
    with pytest.raises(LookupError, match="no account of Eve"):
        accounts.transfer("Ada", "Eve", 30)
    with pytest.raises(IntegrityError, match=r"(?i)no_debts"):
        accounts.transfer("Bob", "Ada", 30)

    assert [await accounts.balance(name) for name in ("Ada", "Bob")] == [100, 0]


def test_many_units_of_work_are_one_that_the_test_undoes(reconfigured, sync_session):
    with reconfigured.lend(reconfigured.session_factory("fastapi")) as session:
        accounts.open_account("Ada", 100)
        accounts.open_account("Bob", 0)
        accounts.transfer("Ada", "Bob", 30)
        with pytest.raises(IntegrityError):
            accounts.transfer("Ada", "Bob", 300)

        assert dict(session.execute(select(Account.name, Account.balance)).all()) == {"Ada": 70, "Bob": 30}

    assert sync_session.scalar(select(func.count()).select_from(Account)) == 0


def test_nobody_is_moved_away_from_under_a_transaction(saved, crossfade_router):
    with database.session() as session:
        session.get(Account, "Ada")
        with pytest.raises(DatabaseInUseError), database.router.override(crossfade_router.settings):
            pytest.fail("two databases in one transaction")


def test_a_layer_that_was_not_started_says_so():
    with (
        pytest.raises(NotConfiguredError),
        Router.unconfigured().session("fastapi"),
    ):
        pytest.fail("it fell back to some default")
