"""The tables."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of the models."""


class Account(Base):
    """An account, in cents."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="no_debts"),)

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    balance: Mapped[int]


metadata = Base.metadata
