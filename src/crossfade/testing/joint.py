"""One transaction under everything that this process does in a database: the cheapest isolation, and the narrowest.

While it is open, every connection that any engine of the process has to the database is a guest on one: sync and async
sessions, both stacks, an engine that an application has made by itself. What they commit stands in the transaction,
what they roll back is their own work, and the end of the test takes all of it back. Nobody in another process sees any
of it. How guests share a connection is left to `guest`.
"""

from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection

from crossfade.errors import ConfigurationError, JointEndedError
from crossfade.testing.guest.hosts import Host, Hosts, target

_IN_TRANSACTION = (2, 3)
"""libpq's PQTRANS_INTRANS and PQTRANS_INERROR."""


class Joint:
    """The transaction of one database, begun and rolled back for each test on one connection, which stays open."""

    def __init__(self, engine: Engine, hosts: Hosts) -> None:
        """Opens nothing yet. `engine` is the router's, whose connections are set up as an application finds them."""
        arguments, options = engine.dialect.create_connect_args(engine.url)
        where = target(engine.dialect.name, arguments, options)
        if where is None:
            raise ConfigurationError(reason=f"joint isolation is for files and PostgreSQL, not for {engine.url!r}")
        self._engine = engine
        self._hosts = hosts
        self._opened: PoolProxiedConnection | None = None
        self._host = Host(
            lambda: self._connection,
            "the joint connection of this test",
            'mark the test @pytest.mark.crossfade(isolation="restore")',
        )
        self._guests = {where: self._host}

    def begin(self) -> None:
        """From here on, all that this process does in the database is in the transaction."""
        if self._opened is None:
            self._opened = self._open()
        self._connection.execute("BEGIN")
        self._hosts.take(self._guests)

    def roll_back(self) -> None:
        """Takes all of it back, and lets engines have connections of their own again.

        Raises JointEndedError when the transaction was over already: what it wrote may have been committed.
        """
        self._hosts.take({})
        self._host.frames.clear()
        if not self._in_transaction():
            self.close()
            raise JointEndedError
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the connection; `begin` opens another one."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def _connection(self) -> Any:
        if self._opened is None:
            raise JointEndedError
        return self._opened.dbapi_connection

    def _open(self) -> PoolProxiedConnection:
        opened = self._engine.raw_connection()
        # The pool's no more: nobody else gets it, and it is none of those that a test has left open.
        opened.detach()
        connection: Any = opened.dbapi_connection
        if self._engine.dialect.name == "sqlite":
            connection.isolation_level = None
        else:
            connection.autocommit = True
            # Guests on the same connection would give their statements the same names.
            connection.prepare_threshold = None
        return opened

    def _in_transaction(self) -> bool:
        if self._engine.dialect.name == "sqlite":
            return bool(self._connection.in_transaction)
        return self._connection.pgconn.transaction_status in _IN_TRANSACTION
