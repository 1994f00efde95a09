"""Every type, every odd value, each way: the same text on both sides, or a fault that says why not."""

import enum
import uuid

import pytest
from sqlalchemy import CHAR, JSON, TypeDecorator, types
from sqlalchemy.dialects import postgresql, sqlite

from crossfade.transfer.kinds import kind_of


class GUID(TypeDecorator):
    """The recipe of SQLAlchemy's documentation, as of 1.x."""

    impl = CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID())
        return dialect.type_descriptor(CHAR(32))


class HyphenatedGUID(GUID):
    """The same with hyphens."""

    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID())
        return dialect.type_descriptor(CHAR(36))


class WrittenDecimal(TypeDecorator):
    """Decimals that SQLite keeps as text."""

    impl = types.Numeric(30, 10)
    cache_ok = True

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(types.String(50) if dialect.name == "sqlite" else types.Numeric(30, 10))


class Colour(enum.Enum):
    """Stored by name."""

    red = 1
    green = 2


NAIVE, AWARE = types.DateTime(), types.DateTime(timezone=True)
JSONB = JSON().with_variant(postgresql.JSONB(), "postgresql")
MONEY = types.Numeric(10, 2)
ID = "12345678123456781234567812345678"
HYPHENS = str(uuid.UUID(ID))

FROM_SQLITE = [
    # type, stored, canonical text
    (NAIVE, "2026-11-21 09:30:00.000000", "2026-11-21 09:30:00.000000"),
    (NAIVE, "2026-11-21 09:30:00.123456", "2026-11-21 09:30:00.123456"),
    (NAIVE, "2026-11-21T09:30:00.5", "2026-11-21 09:30:00.500000"),
    (NAIVE, "2026-11-21 09:30:00", "2026-11-21 09:30:00.000000"),
    (NAIVE, "2026-11-21 09:30", "2026-11-21 09:30:00.000000"),
    (NAIVE, "2026-11-21", "2026-11-21 00:00:00.000000"),
    (NAIVE, "2026-11-21 09:30:00.1230000", "2026-11-21 09:30:00.123000"),
    (NAIVE, "0001-01-01 00:00:00.000000", "0001-01-01 00:00:00.000000"),
    (NAIVE, "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"),
    (NAIVE, "2024-02-29 00:00:00.000000", "2024-02-29 00:00:00.000000"),
    (AWARE, "2026-11-21 09:30:00.000000", "2026-11-21 09:30:00.000000"),
    (AWARE, "2026-11-21 09:30:00.000001+02:00", "2026-11-21 07:30:00.000001"),
    (AWARE, "2026-11-21T09:30:00Z", "2026-11-21 09:30:00.000000"),
    (
        types.DateTime().with_variant(postgresql.TIMESTAMP(precision=3), "postgresql"),
        "2026-11-21 09:30:00.123",
        "2026-11-21 09:30:00.123000",
    ),
    (
        types.DateTime().with_variant(sqlite.DATETIME(truncate_microseconds=True), "sqlite"),
        "2026-11-21 09:30:00",
        "2026-11-21 09:30:00.000000",
    ),
    (types.Time().with_variant(postgresql.TIME(precision=3), "postgresql"), "09:30:00.12", "09:30:00.120000"),
    (types.Interval(second_precision=3), "1970-01-02 00:01:01.120000", "1 days 61.120000 seconds"),
    (types.Interval(native=False), "1970-01-02 00:01:01.000000", "1970-01-02 00:01:01.000000"),
    (types.Boolean(), 1, "1"),
    (types.Boolean(), 0, "0"),
    (types.Date(), "2026-11-21", "2026-11-21"),
    (types.Date(), "2024-02-29", "2024-02-29"),
    (types.Date(), "0001-01-01", "0001-01-01"),
    (types.Time(), "09:30:00.000000", "09:30:00.000000"),
    (types.Time(), "09:30", "09:30:00.000000"),
    (types.Time(), "23:59:59.999999", "23:59:59.999999"),
    (types.Time(timezone=True), "23:59:59.999999", "23:59:59.999999"),
    (types.Interval(), "1970-01-02 00:01:01.000000", "1 days 61.000000 seconds"),
    (types.Interval(), "1969-12-31 23:59:59.999999", "-1 days 86399.999999 seconds"),
    (types.Interval(), "1970-01-01 00:00:00.000000", "0 days 0.000000 seconds"),
    (types.Integer(), 2**31 - 1, str(2**31 - 1)),
    (types.Integer(), -(2**31), str(-(2**31))),
    (types.SmallInteger(), -(2**15), str(-(2**15))),
    (types.BigInteger(), 2**63 - 1, str(2**63 - 1)),
    (types.BigInteger(), -(2**63), str(-(2**63))),
    (types.BigInteger().with_variant(types.Integer(), "sqlite"), 2**40, str(2**40)),
    (types.Float(), 0.1, "0.1"),
    (types.Float(), 94.59423494034648, "94.59423494034648"),
    (types.Float(), 1, "1"),
    (types.Float(), 1e15, "1e+15"),
    (types.Float(), 1e23, "9.999999999999999e+22"),
    (types.Float(), 5e-324, "5e-324"),
    (types.Float(), 1.7976931348623157e308, "1.7976931348623157e+308"),
    (types.Float(), float("inf"), "Infinity"),
    (types.Float(), float("-inf"), "-Infinity"),
    (types.Double(), 1 / 3, "0.3333333333333333"),
    (types.Float(24), 0.5, "0.5"),
    (types.REAL(), float("inf"), "Infinity"),
    (MONEY, 12.5, "12.5"),
    (MONEY, 12, "12"),
    (MONEY, "12.50", "12.5"),
    (MONEY, 12345678.91, "12345678.91"),
    (MONEY, 0.1, "0.1"),
    (MONEY, -0.0, "0"),
    (types.Numeric(), 1e-7, "0.0000001"),
    (types.Numeric(20, 0), 2**63 - 1, str(2**63 - 1)),
    (WrittenDecimal(), "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    (WrittenDecimal(), "1.50", "1.5"),
    (WrittenDecimal(), "1E+3", "1000"),
    (types.String(5), "äöü", "äöü"),
    (types.String(3), "", ""),
    (types.String(3), "\U0001f600\U0001f600\U0001f600", "\U0001f600\U0001f600\U0001f600"),
    (types.Text(), "\u0001\t\n\r\\N\\.\"',\u2028\ufffe\U0010ffff", "\u0001\t\n\r\\N\\.\"',\u2028\ufffe\U0010ffff"),
    (types.Text(), " blanks ", " blanks "),
    (types.Text(), "NULL", "NULL"),
    (types.Text(), "\\x00", "\\x00"),
    (types.CHAR(), "a", "a"),
    (types.CHAR(5), "ab", "ab"),
    (types.Unicode(5), "日本", "日本"),
    (types.LargeBinary(), b"\x00\xff\\", "\\x00ff5c"),
    (types.LargeBinary(), b"", "\\x"),
    (types.PickleType(), b"\x80", "\\x80"),
    (types.Uuid(), ID, ID),
    (types.Uuid(), HYPHENS, ID),
    (types.Uuid(), "ABCDEFAB-1234-1234-1234-ABCDEFABCDEF", "abcdefab123412341234abcdefabcdef"),
    (types.Uuid(native_uuid=False), ID, ID),
    (types.UUID(), HYPHENS, ID),
    (types.UUID(), "abcdefab123412341234abcdefabcdef", "abcdefab123412341234abcdefabcdef"),
    (GUID(), ID, ID),
    (HyphenatedGUID(), HYPHENS, ID),
    (types.Enum(Colour, name="colour"), "red", "red"),
    (types.Enum("a b", "it's", name="odd"), "a b", "a b"),
    (types.Enum(Colour, native_enum=False), "green", "green"),
    (types.JSON(), '{"b": 1, "a": [1.50, null, true]}', '{"b": 1, "a": [1.50, null, true]}'),
    (types.JSON(), '{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
    (types.JSON(), '"\\u0000"', '"\\u0000"'),
    (types.JSON(), "null", "null"),
    (types.JSON(), "12", "12"),
    (types.JSON(), "1.50", "1.5"),
    (types.JSON(), "1e300", "1e+300"),
    (types.JSON().with_variant(types.Text(), "sqlite"), "1.50", "1.50"),
    (JSONB, '{"bb": 1, "a": [1.50, null, true, false]}', '{"a": [1.50, null, true, false], "bb": 1}'),
    (JSONB, '{"é": 1, "zz": 2, "z": {}}', '{"z": {}, "zz": 2, "é": 1}'),
    (JSONB, "[1e2, 1.0e1, 12.50e1, 1e-3, -5, 1E400]", "[100, 10, 125.0, 0.001, -5, 1" + "0" * 400 + "]"),
    (
        JSONB,
        '"\\u0001\\n\\t\\b\\f\\r\\"\\\\\\/\\u00e9\\ud83d\\ude00\u007f"',
        '"\\u0001\\n\\t\\b\\f\\r\\"\\\\/é\U0001f600\u007f"',
    ),
    (JSONB, " 1 ", "1"),
    (JSONB, "-0", "0"),
    (JSONB, "[-0]", "[0]"),
    (JSONB, "1.50", "1.5"),
    (JSONB, "null", "null"),
]

BAD_ON_SQLITE = [
    # type, how it is stored, part of the reason
    (NAIVE, "'2026-11-21 09:30:00+02:00'", "without offset"),
    (NAIVE, "'2026-02-30 09:30:00.000000'", "isn't an instant"),
    (NAIVE, "'2026-11-21 09:30:00.1234567'", "microseconds"),
    (NAIVE, "'0000-01-01 00:00:00.000000'", "isn't an instant"),
    (NAIVE, "'yesterday'", "isn't an instant"),
    (NAIVE, "''", "isn't an instant"),
    (NAIVE, "1763717400", "isn't an instant"),
    (NAIVE, "1763717400.5", "isn't an instant"),
    (NAIVE, "CAST('2026-11-21 09:30:00.000000' AS BLOB)", "isn't an instant"),
    (NAIVE, "CAST(x'ff' AS TEXT)", "isn't an instant"),
    (NAIVE, "'2026-11-21 09:30:00.000000' || char(0)", "isn't an instant"),
    (AWARE, "'0001-01-01 00:00:00+02:00'", "isn't an instant"),
    (
        types.DateTime().with_variant(postgresql.TIMESTAMP(precision=3), "postgresql"),
        "'2026-11-21 09:30:00.0001'",
        "3 digits",
    ),
    (
        types.DateTime().with_variant(postgresql.TIMESTAMP(precision=0), "postgresql"),
        "'2026-11-21 09:30:00.5'",
        "0 digits",
    ),
    (types.Time().with_variant(postgresql.TIME(precision=3), "postgresql"), "'09:30:00.0001'", "3 digits"),
    (types.Interval(second_precision=3), "'1970-01-01 00:00:00.0001'", "3 digits"),
    (types.Boolean(), "'false'", "neither 1 nor 0"),
    (types.Boolean(), "2", "neither 1 nor 0"),
    (types.Boolean(), "0.5", "neither 1 nor 0"),
    (types.Boolean(), "x'31'", "neither 1 nor 0"),
    (types.Date(), "'2026-11-21 00:00:00'", "isn't a date"),
    (types.Date(), "'2026-02-29'", "isn't a date"),
    (types.Date(), "20261121", "isn't a date"),
    (types.Time(), "'09:30:00+02:00'", "isn't a time"),
    (types.Time(), "'24:30:00'", "isn't a time"),
    (types.Interval(), "'1 day'", "isn't an interval"),
    (types.Integer(), "2147483648", "32 bits"),
    (types.Integer(), "-2147483649", "32 bits"),
    (types.SmallInteger(), "40000", "16 bits"),
    (types.BigInteger(), "9223372036854775808", "isn't an integer"),
    (types.Integer(), "'abc'", "isn't an integer"),
    (types.Integer(), "1.5", "isn't an integer"),
    (types.Integer(), "x'31'", "isn't an integer"),
    (types.Float(), "'abc'", "isn't a number"),
    (types.Float(), "x'00'", "isn't a number"),
    (types.Float(24), "0.1", "four bytes"),
    (types.Float(24), "1e300", "four bytes"),
    (MONEY, "1.234", "after the point than the 2"),
    (MONEY, "0.1 + 0.2", "after the point"),
    (MONEY, "123456789", "before the point than the 8"),
    (MONEY, "'abc'", "isn't a decimal"),
    (MONEY, "9e999", "isn't a decimal"),
    (MONEY, "x'31'", "isn't a decimal"),
    (WrittenDecimal(), "'NaN'", "isn't a decimal"),
    (types.Text(), "'a' || char(0) || 'b'", "U+0000"),
    (types.Text(), "CAST(x'61ff' AS TEXT)", "isn't UTF-8"),
    (types.Text(), "CAST(x'eda080' AS TEXT)", "isn't UTF-8"),
    (types.Text(), "CAST(x'c080' AS TEXT)", "isn't UTF-8"),
    (types.Text(), "x'61'", "isn't text"),
    (types.String(3), "'abcd'", "longer than the 3"),
    (types.CHAR(5), "'ab '", "ends with blanks"),
    (types.LargeBinary(), "'text'", "isn't bytes"),
    (types.LargeBinary(), "5", "isn't bytes"),
    (types.Uuid(), "'1234'", "isn't a UUID"),
    (types.Uuid(), "x'12345678123456781234567812345678'", "isn't a UUID"),
    (types.Enum(Colour, name="colour"), "'blue'", "isn't one of the names"),
    (types.Enum(Colour, name="colour"), "''", "isn't one of the names"),
    (types.Enum(Colour, native_enum=False), "'ultramarine'", "longer than"),
    (types.JSON(), "'{'", "isn't JSON"),
    (types.JSON(), "''", "isn't JSON"),
    (types.JSON(), "'NaN'", "isn't JSON"),
    (types.JSON(), "'[-Infinity]'", "isn't JSON"),
    (types.JSON(), "x'31'", "isn't text"),
    (JSONB, '\'{"a": 1, "a": 2}\'', "isn't JSON"),
    (JSONB, "'\"\\u0000\"'", "isn't JSON"),
    (JSONB, "'\"\\ud800\"'", "isn't JSON"),
    (JSONB, "'[-0.0]'", "isn't JSON"),
    (JSONB, "'[1e999999]'", "isn't JSON"),
    (JSONB, "'1e999999'", "isn't JSON"),
    (types.JSON(), "'1e999999'", "isn't JSON"),
    (types.UUID(), f"'{ID}'", "isn't a UUID"),
    (JSONB, "'NaN'", "isn't JSON"),
]

FROM_POSTGRESQL = [
    (NAIVE, "'2026-11-21 09:30:00.123456'", "2026-11-21 09:30:00.123456"),
    (AWARE, "'2026-11-21 09:30:00+02'", "2026-11-21 07:30:00.000000"),
    (types.Boolean(), "true", "1"),
    (types.Boolean(), "false", "0"),
    (types.Date(), "'9999-12-31'", "9999-12-31"),
    (types.Time(), "'23:59:59.999999'", "23:59:59.999999"),
    (types.Time(timezone=True), "'09:30+00'", "09:30:00.000000"),
    (types.Interval(), "'25:00:00'", "1 days 3600.000000 seconds"),
    (types.Interval(), "'-1 day +00:00:01.5'", "-1 days 1.500000 seconds"),
    (types.BigInteger(), "9223372036854775807", "9223372036854775807"),
    (types.Float(), "1e23", "9.999999999999999e+22"),
    (types.Float(), "'-Infinity'", "-Infinity"),
    (types.Float(24), "0.1", "0.10000000149011612"),
    (MONEY, "12.50", "12.5"),
    (types.Numeric(), "'9223372036854775807'", "9223372036854775807"),
    (types.Numeric(), "0.123456789012345", "0.123456789012345"),
    (WrittenDecimal(), "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    (types.Text(), "E'\\t\\\\N\\n'", "\t\\N\n"),
    (types.Text(), "''", ""),
    (types.CHAR(5), "'ab'", "ab"),
    (types.LargeBinary(), "'\\x00ff'", "\\x00ff"),
    (types.Uuid(), f"'{HYPHENS}'", ID),
    (types.Uuid(native_uuid=False), f"'{ID}'", ID),
    (HyphenatedGUID(), f"'{HYPHENS}'", ID),
    (types.Enum(Colour, name="colour"), "'red'", "red"),
    (types.JSON(), '\'{"b": 1,   "a": 1}\'', '{"b": 1,   "a": 1}'),
    (types.JSON(), "'1.5'", "1.5"),
    (types.JSON(), "'-12'", "-12"),
    (types.JSON(), "'\"12\"'", '"12"'),
    (types.JSON().with_variant(types.Text(), "sqlite"), "' 1.50'", " 1.50"),
    (JSONB, '\'{"bb": 1.50, "a": "\\u00e9"}\'', '{"a": "é", "bb": 1.50}'),
]

BAD_ON_POSTGRESQL = [
    (NAIVE, "'infinity'", "infinite"),
    (NAIVE, "'-infinity'", "infinite"),
    (NAIVE, "'0044-03-15 BC'", "before the year 1"),
    (NAIVE, "'10000-01-01'", "after the year 9999"),
    (AWARE, "'infinity'", "infinite"),
    (AWARE, "'0001-01-01 00:00+01'", "before the year 1"),
    (types.Date(), "'infinity'", "infinite"),
    (types.Date(), "'0044-03-15 BC'", "before the year 1"),
    (types.Time(), "'24:00'", "24:00"),
    (types.Time(timezone=True), "'09:30+02'", "offset"),
    (types.Interval(), "'1 month'", "months"),
    (types.Interval(), "'1 year -12 days'", "months"),
    (types.Interval(), "'4000000 days'", "longer than"),
    (types.Float(), "'NaN'", "NaN"),
    (types.Float(), "'-0'", "-0"),
    (types.Float(24), "'NaN'", "NaN"),
    (types.Numeric(), "'NaN'", "no finite"),
    (types.Numeric(), "'Infinity'", "no finite"),
    (types.Numeric(), "0.1234567890123456789", "more digits"),
    (types.Numeric(), "9223372036854775809", "more digits"),
    (types.Numeric(), "1e400", "more digits"),
    (types.Numeric(), "1e-320", "more digits"),
    (types.JSON(), "'1.50'", "in another way"),
    (types.JSON(), "' 1'", "in another way"),
    (types.JSON(), "'9223372036854775808'", "in another way"),
    (JSONB, "'1e-7'", "in another way"),
    (types.UUID(), f"'{ID}'", "looks like a number"),
    (types.UUID(), "'123e5678123456781234567812345678'", "looks like a number"),
]


def _names(cases):
    return [f"{number}-{case[0]!r}-{case[1]!r}"[:60] for number, case in enumerate(cases)]


@pytest.mark.parametrize(("type_", "stored", "text"), FROM_SQLITE, ids=_names(FROM_SQLITE))
def test_a_value_of_sqlite_means_the_same_on_postgresql_and_back(crossing, type_, stored, text):
    carried = crossing.carried(type_, "sqlite", "postgresql", "?", stored)
    assert (carried.faults, carried.source, carried.target) == ([], text, text)

    back = crossing.column("sqlite", type_)
    there = crossing.column("postgresql", type_)
    there.take(text)
    faults = there.faults("sqlite")
    if not faults:
        back.take(text)
        assert back.text == text


@pytest.mark.parametrize(("type_", "stored", "reason"), BAD_ON_SQLITE, ids=_names(BAD_ON_SQLITE))
def test_what_postgresql_can_not_hold_is_a_fault(crossing, type_, stored, reason):
    carried = crossing.carried(type_, "sqlite", "postgresql", stored)
    assert len(carried.faults) >= 1
    assert reason in " | ".join(carried.faults)


@pytest.mark.parametrize(("type_", "stored", "text"), FROM_POSTGRESQL, ids=_names(FROM_POSTGRESQL))
def test_a_value_of_postgresql_means_the_same_on_sqlite(crossing, type_, stored, text):
    carried = crossing.carried(type_, "postgresql", "sqlite", stored)
    assert (carried.faults, carried.source, carried.target) == ([], text, text)


@pytest.mark.parametrize(("type_", "stored", "reason"), BAD_ON_POSTGRESQL, ids=_names(BAD_ON_POSTGRESQL))
def test_what_sqlite_can_not_hold_is_a_fault(crossing, type_, stored, reason):
    carried = crossing.carried(type_, "postgresql", "sqlite", stored)
    assert len(carried.faults) == 1
    assert reason in carried.faults[0]


@pytest.mark.parametrize(
    ("stored", "text"), [("5", "5"), ("-9007199254740992", "-9.007199254740992e+15"), ("9007199254740993", None)]
)
def test_integers_in_a_column_of_floats_are_floats_if_they_can_be(crossing, stored, text):
    # The column was declared otherwise than the metadata has it: SQLite would have made floats of them.
    connection, kind = crossing.connections["sqlite"], kind_of(types.Float())
    (fault,) = kind.faults("v", source="sqlite", target="postgresql")
    said, bad = connection.execute(
        f"SELECT {kind.text('v', 'sqlite')}, {fault.where} FROM (SELECT {stored} AS v)"
    ).fetchone()
    assert (said if text else said[0], bad) == (text or "?", text is None)


@pytest.mark.parametrize(("type_", "stored", "reason"), BAD_ON_SQLITE, ids=_names(BAD_ON_SQLITE))
def test_between_two_of_sqlite_no_value_is_a_fault(crossing, type_, stored, reason):
    one = crossing.column("sqlite", type_)
    one.put(stored)
    assert one.faults("sqlite") == []


TWINS = [
    # type, a good value, bad ones that it could be taken for
    (types.Text(), "'ab'", ["x'6162'", "x'6162ff'"]),
    (types.Enum(Colour, name="colour"), "'red'", ["x'726564'"]),
    (types.Integer(), "5", ["x'35'", "5.5", "'5x'"]),
    (types.Boolean(), "1", ["x'31'", "'true'", "2", "0.5"]),
    (types.Float(), "1.5", ["x'312e35'", "'1.5x'"]),
    (MONEY, "1.5", ["x'312e35'"]),
    (
        NAIVE,
        "'2026-11-21 09:30:00.000000'",
        ["CAST('2026-11-21 09:30:00.000000' AS BLOB)", "'2026-11-21 09:30:00+00:00'"],
    ),
    (types.Date(), "'2026-11-21'", ["CAST('2026-11-21' AS BLOB)", "'2026-11-21 00:00:00'"]),
    (types.Time(), "'09:30:00.000000'", ["CAST('09:30:00.000000' AS BLOB)", "'09:30:00+00:00'"]),
    (types.Interval(), "'1970-01-01 00:00:00.000000'", ["CAST('1970-01-01 00:00:00.000000' AS BLOB)"]),
    (types.LargeBinary(), "x'61'", ["'a'"]),
    (types.Uuid(), f"'{ID}'", [f"CAST('{ID}' AS BLOB)"]),
    (types.JSON(), "'{}'", ["CAST('{}' AS BLOB)"]),
    (JSONB, "'{}'", ["CAST('{}' AS BLOB)"]),
]


@pytest.mark.parametrize(("type_", "good", "bad"), TWINS, ids=_names(TWINS))
def test_what_is_compared_of_a_bad_value_is_like_no_good_one(crossing, type_, good, bad):
    one, other = crossing.column("sqlite", type_), crossing.column("postgresql", type_)
    one.put(good)
    assert one.faults("postgresql") == []
    other.copy_in(one.text)
    assert other.digest == one.digest
    for stored in bad:
        one.put(stored)
        assert one.faults("postgresql") != []
        assert one.digest != other.digest


@pytest.mark.parametrize("type_", {repr(case[0]): case[0] for case in FROM_SQLITE}.values(), ids=repr)
@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_null_stays_null(crossing, type_, source, target):
    carried = crossing.carried(type_, source, target, "NULL")
    assert (carried.faults, carried.source, carried.target) == ([], None, None)
