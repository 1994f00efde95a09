"""The baseline: what Django's migrations have made of an empty database, to the last index.

A database of Django's is at this revision already, and `crossfade init` finds out whether that is true before it says
so. Two things are not alike on both databases: what is unique together is a constraint on PostgreSQL and an index on
SQLite, and PostgreSQL has an index for LIKE beside each unique text.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables, those that are referred to first."""
    _table(
        "django_content_type",
        sa.Column("app_label", sa.String(100), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        together={"django_content_type_app_label_model_76bd3d3b_uniq": ("app_label", "model")},
    )
    _table(
        "auth_user",
        sa.Column("password", sa.String(128), nullable=False),
        sa.Column("last_login", sa.DateTime(timezone=True)),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("username", sa.String(150), nullable=False, unique=True),
        sa.Column("first_name", sa.String(150), nullable=False),
        sa.Column("last_name", sa.String(150), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("date_joined", sa.DateTime(timezone=True), nullable=False),
        like={"auth_user_username_6821ab7c_like": "username"},
    )
    _table(
        "auth_group",
        sa.Column("name", sa.String(150), nullable=False, unique=True),
        like={"auth_group_name_a6ea08ec_like": "name"},
    )
    _table(
        "auth_permission",
        sa.Column("name", sa.String(255), nullable=False),
        _reference("content_type_id", "django_content_type"),
        sa.Column("codename", sa.String(100), nullable=False),
        together={"auth_permission_content_type_id_codename_01ab375a_uniq": ("content_type_id", "codename")},
        indexes={"auth_permission_content_type_id_2f476e4b": "content_type_id"},
    )
    _table(
        "auth_group_permissions",
        _reference("group_id", "auth_group"),
        _reference("permission_id", "auth_permission"),
        key=BIG,
        together={"auth_group_permissions_group_id_permission_id_0cd325b0_uniq": ("group_id", "permission_id")},
        indexes={
            "auth_group_permissions_group_id_b120cbf9": "group_id",
            "auth_group_permissions_permission_id_84c5c92e": "permission_id",
        },
    )
    _table(
        "auth_user_groups",
        _reference("user_id", "auth_user"),
        _reference("group_id", "auth_group"),
        key=BIG,
        together={"auth_user_groups_user_id_group_id_94350c0c_uniq": ("user_id", "group_id")},
        indexes={"auth_user_groups_user_id_6a12ed8b": "user_id", "auth_user_groups_group_id_97559544": "group_id"},
    )
    _table(
        "auth_user_user_permissions",
        _reference("user_id", "auth_user"),
        _reference("permission_id", "auth_permission"),
        key=BIG,
        together={"auth_user_user_permissions_user_id_permission_id_14a6b632_uniq": ("user_id", "permission_id")},
        indexes={
            "auth_user_user_permissions_user_id_a95ead1b": "user_id",
            "auth_user_user_permissions_permission_id_1fbb5f2c": "permission_id",
        },
    )
    _table(
        "office_context",
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("text", sa.Text(), nullable=False),
        _reference("author_id", "auth_user"),
        key=BIG,
        indexes={"office_context_author_id_bdc7b83d": "author_id"},
        like={"office_context_name_aff2a9dc_like": "name"},
    )


def _reference(column: str, table: str) -> sa.Column[Any]:
    return sa.Column(
        column, sa.Integer(), sa.ForeignKey(f"{table}.id", deferrable=True, initially="DEFERRED"), nullable=False
    )


def _table(
    table: str,
    *columns: sa.Column[Any],
    key: sa.types.TypeEngine[int] | None = None,
    together: dict[str, tuple[str, str]] | None = None,
    indexes: dict[str, str] | None = None,
    like: dict[str, str] | None = None,
) -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    identity = [sa.Identity()] if postgresql else []
    unique = [sa.UniqueConstraint(*names, name=name) for name, names in (together or {}).items()] if postgresql else []
    op.create_table(table, sa.Column("id", key or sa.Integer(), *identity, primary_key=True), *columns, *unique)
    for name, names in (together or {}).items():
        if not postgresql:
            op.create_index(name, table, list(names), unique=True)
    for name, column in (indexes or {}).items():
        op.create_index(name, table, [column])
    for name, column in (like or {}).items():
        if postgresql:
            op.create_index(name, table, [column], postgresql_ops={column: "varchar_pattern_ops"})
