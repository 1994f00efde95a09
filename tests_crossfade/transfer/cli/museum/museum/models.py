"""The tables: composite keys, no key, reserved words, a tree, a circle, a schema of its own, values of many kinds."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

metadata = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

rooms = Table(
    "rooms",
    metadata,
    Column("floor", Integer, primary_key=True, autoincrement=False),
    Column("number", String(10), primary_key=True),
    Column("inside_floor", Integer),
    Column("inside_number", String(10)),
    ForeignKeyConstraint(["inside_floor", "inside_number"], ["rooms.floor", "rooms.number"]),
)
order = Table(
    "order",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("select", Text),
    Column("Group", String(20)),
    Column("floor", Integer),
    Column("room", String(10)),
    Column("when", DateTime),
    Column("at", DateTime(timezone=True)),
    Column("day", Date),
    Column("price", Numeric(12, 2)),
    Column("weight", Float),
    Column("sold", Boolean, nullable=False, default=False),
    Column("notes", JSON),
    Column("mark", Uuid),
    Column("picture", LargeBinary),
    ForeignKeyConstraint(["floor", "room"], ["rooms.floor", "rooms.number"]),
    UniqueConstraint("Group", "select"),
)
visits = Table("visits", metadata, Column("who", String(50)), Column("day", Date))
guides = Table(
    "guides",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", String(50), unique=True),
    Column("deputy_of", ForeignKey("guides.id")),
    Column("favourite", ForeignKey("order.id")),
    Column("updated_at", DateTime),
)
events = Table(
    "events",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("guide", ForeignKey("guides.id", ondelete="CASCADE"), nullable=False),
    Column("said", Text),
    schema="audit",
)
