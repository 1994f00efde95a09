"""The tables that Django has made, as SQLAlchemy sees them: the product's, and users with their five companions.

A permission refers to a content type, so that table stays as well.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

BIG = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """The base of the models."""


def _together(name: str, one: str, other: str) -> tuple[UniqueConstraint, Index]:
    """What is unique together: on PostgreSQL Django makes a constraint of it, on SQLite an index of the same name."""
    return (
        UniqueConstraint(one, other, name=name).ddl_if(dialect="postgresql"),
        Index(name, one, other, unique=True).ddl_if(dialect="sqlite"),
    )


def _for_like(name: str, column: str) -> Index:
    """What Django adds on PostgreSQL beside each unique text."""
    return Index(name, column, postgresql_ops={column: "varchar_pattern_ops"}).ddl_if(dialect="postgresql")


class User(Base):
    """A user of Django's; the passwords are what `django.contrib.auth` has hashed."""

    __tablename__ = "auth_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    password: Mapped[str] = mapped_column(String(128))
    last_login: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_superuser: Mapped[bool] = mapped_column(default=False)
    username: Mapped[str] = mapped_column(String(150), unique=True)
    first_name: Mapped[str] = mapped_column(String(150), default="")
    last_name: Mapped[str] = mapped_column(String(150), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    date_joined: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=func.now())
    __table_args__ = (_for_like("auth_user_username_6821ab7c_like", "username"),)


class Context(Base):
    """What an assistant should know before it answers."""

    __tablename__ = "office_context"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    text: Mapped[str] = mapped_column(Text())
    author_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    author: Mapped[User] = relationship(lazy="raise")
    __table_args__ = (
        Index("office_context_author_id_bdc7b83d", "author_id"),
        _for_like("office_context_name_aff2a9dc_like", "name"),
    )


metadata = Base.metadata


def _between(table: str, one: str, other: str, names: tuple[str, str, str]) -> None:
    """A table that connects two others."""
    Table(
        table,
        metadata,
        Column("id", BIG, primary_key=True),
        Column(f"{one}_id", ForeignKey(f"auth_{one}.id"), nullable=False),
        Column(f"{other}_id", ForeignKey(f"auth_{other}.id"), nullable=False),
        *_together(names[0], f"{one}_id", f"{other}_id"),
        Index(names[1], f"{one}_id"),
        Index(names[2], f"{other}_id"),
    )


Table(
    "django_content_type",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app_label", String(100), nullable=False),
    Column("model", String(100), nullable=False),
    *_together("django_content_type_app_label_model_76bd3d3b_uniq", "app_label", "model"),
)
Table(
    "auth_group",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(150), nullable=False, unique=True),
    _for_like("auth_group_name_a6ea08ec_like", "name"),
)
Table(
    "auth_permission",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("content_type_id", ForeignKey("django_content_type.id"), nullable=False),
    Column("codename", String(100), nullable=False),
    *_together("auth_permission_content_type_id_codename_01ab375a_uniq", "content_type_id", "codename"),
    Index("auth_permission_content_type_id_2f476e4b", "content_type_id"),
)
_between(
    "auth_group_permissions",
    "group",
    "permission",
    (
        "auth_group_permissions_group_id_permission_id_0cd325b0_uniq",
        "auth_group_permissions_group_id_b120cbf9",
        "auth_group_permissions_permission_id_84c5c92e",
    ),
)
_between(
    "auth_user_groups",
    "user",
    "group",
    (
        "auth_user_groups_user_id_group_id_94350c0c_uniq",
        "auth_user_groups_user_id_6a12ed8b",
        "auth_user_groups_group_id_97559544",
    ),
)
_between(
    "auth_user_user_permissions",
    "user",
    "permission",
    (
        "auth_user_user_permissions_user_id_permission_id_14a6b632_uniq",
        "auth_user_user_permissions_user_id_a95ead1b",
        "auth_user_user_permissions_permission_id_1fbb5f2c",
    ),
)
