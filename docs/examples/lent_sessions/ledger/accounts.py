"""What the application does. Each function opens its own unit of work, as code that has grown does."""

from sqlalchemy.orm import Session

from ledger import database
from ledger.models import Account


def open_account(name: str, balance: int) -> None:
    """A new account."""
    with database.session() as session:
        session.add(Account(name=name, balance=balance))


def transfer(source: str, target: str, amount: int) -> None:
    """Moves money, all of it or none: IntegrityError where there is not enough, LookupError where nobody is."""
    with database.session() as session:
        _account(session, source).balance -= amount
        session.flush()
        _account(session, target).balance += amount


async def balance(name: str) -> int:
    """What is on an account; the same layer, from async code. LookupError where there is none."""
    async with database.async_session() as session:
        return await session.run_sync(lambda session: _account(session, name).balance)


def _account(session: Session, name: str) -> Account:
    account = session.get(Account, name)
    if account is None:
        raise LookupError(f"there is no account of {name}")
    return account
