"""A frame is one text for a row, the same from both engines; from it the row's values are read back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text

from crossfade.transfer.framing import Framing, split
from crossfade.transfer.shapes import shape_of

_WIDTH = 70
_SHAPE = shape_of(
    Table("t", MetaData(), *(Column(f"c{number}", Integer if number % 3 == 0 else Text) for number in range(_WIDTH)))
)
_TEXTS = st.text(alphabet=st.sampled_from("a1-n:\t\n\\'\"ä日😀b ,"), max_size=8)
_ROWS = st.lists(
    st.tuples(
        *(st.none() | (st.integers(-(2**31), 2**31 - 1) if number % 3 == 0 else _TEXTS) for number in range(_WIDTH))
    ),
    min_size=2,
    max_size=2,
)


@pytest.fixture(scope="module")
def connections(tmp_path_factory, server):
    """A connection to each engine, with the table."""
    import sqlite3

    import psycopg

    names = ", ".join(f'"c{number}" {"INTEGER" if number % 3 == 0 else "TEXT"}' for number in range(_WIDTH))
    place = server.database("framing").render_as_string(hide_password=False)
    lite = sqlite3.connect(tmp_path_factory.mktemp("framing") / "f.db", isolation_level=None)
    with psycopg.connect(place, autocommit=True) as full:
        for connection in (lite, full):
            connection.execute(f"CREATE TABLE t ({names})")
        yield lite, full
    lite.close()


@given(rows=_ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_engines_make_one_frame_of_a_row_and_it_says_what_the_row_holds(connections, rows):
    found = [_frames(connection, engine, rows) for connection, engine in zip(connections, _ENGINES, strict=True)]

    assert found[0] == found[1]
    for frame, row in zip(found[0], rows, strict=True):
        assert split(frame, _SHAPE.columns) == tuple(None if one is None else str(one).encode() for one in row)
    assert (found[0][0] == found[0][1]) == (rows[0] == rows[1])


_ENGINES = ("sqlite", "postgresql")


def _frames(connection, engine, rows):
    mark = "?" if engine == "sqlite" else "%s"
    connection.execute("DELETE FROM t")
    for row in rows:
        connection.execute(f"INSERT INTO t VALUES ({', '.join([mark] * _WIDTH)})", row)
    framing = Framing(engine)
    order = "rowid" if engine == "sqlite" else "ctid"
    query = f"SELECT {framing.octets(framing.of(_SHAPE.columns))} FROM t ORDER BY {order}"
    return [frame for (frame,) in connection.execute(query).fetchall()]
