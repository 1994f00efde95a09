"""All of it."""

from alembic import op
from sqlalchemy import MetaData
from sqlalchemy.schema import CreateSchema

from museum.models import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    """Makes the tables, on SQLite without their schema."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(CreateSchema("audit"))
        metadata.create_all(connection)
        return
    bare = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(bare, schema=None, referred_schema_fn=lambda *_: None)
    bare.create_all(connection)
