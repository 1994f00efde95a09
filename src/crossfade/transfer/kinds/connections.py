"""Connections on which the SQL of the kinds works, and means the same wherever it runs."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from crossfade.transfer.kinds import documents, moments, numbers, octets, texts

_FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    "crossfade_float": (1, numbers.float_text),
    "crossfade_real": (1, numbers.real),
    "crossfade_doubled": (1, numbers.doubled),
    "crossfade_decimal": (1, numbers.decimal_text),
    "crossfade_number": (1, numbers.number),
    "crossfade_room": (3, numbers.room),
    "crossfade_instant": (2, moments.instant_text),
    "crossfade_date": (1, moments.date_text),
    "crossfade_time": (1, moments.time_text),
    "crossfade_interval": (1, moments.interval_text),
    "crossfade_epoch": (1, moments.epoch),
    "crossfade_json": (1, documents.json_text),
    "crossfade_jsonb": (1, documents.jsonb_text),
    "crossfade_utf8": (1, texts.utf8),
    "crossfade_uuid": (1, octets.uuid_text),
    "crossfade_bytes": (1, octets.from_hex),
    "crossfade_hyphens": (1, octets.hyphenated),
}

_SETTINGS: Final[Mapping[str, str]] = {
    # A database, a role or a server may have others as its default, and they change how values are written.
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}


def install(connection: Any) -> None:
    """Makes the SQL of the kinds work on a driver's own connection, of sqlite3 or psycopg, with nothing begun."""
    if isinstance(connection, sqlite3.Connection):
        for name, (count, function) in _FUNCTIONS.items():
            connection.create_function(name, count, function, deterministic=True)
        return
    before = connection.autocommit
    connection.autocommit = True
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.autocommit = before
