"""Paths and queries of requests: ids of all kinds, parameters of all kinds, and addresses where nothing is."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from cronjobs.web.parameters import PARAMETERS


def _words(text: str, *others: str) -> tuple[str, ...]:
    return *others, *text.split()


ODD_IDS = _words(
    """
    3f1c2f7e-1111-4111-8111-111111111111 nobody 0 -1 null %00 a%00b %20 %FF %C3%A9 %E6%97%A5 %27 %25 %2525 %2B + * ;
    : @ , ~ ... %3F %23 %7F %0A %E2%80%A8 %5C %22 %C3 %ED%A0%80
    """,
    "x" * 37,
    "x" * 3000,
)
"""As they stand in a path."""
NO_IDS = _words(
    """
    a%2Fb %2F .. . %2E%2E a//b read-all statistics stats bulk-upload x/y
    """,
    "",
)
"""What another endpoint answers to, or none."""

# What may stand behind a name in a query.
NUMBERS = _words(
    """
    %20 0 1 2 3 -1 -0 +2 %2B2 007 1.5 1e3 0x10 1_0 junk %D9%A3 %C2%B2 19 20 21 49 50 51 99 100 101 199 200 201
    1000000 1000001 9223372036854775807 9223372036854775808 99999999999999999999 -99999999999999999999 %00 %FF 1%20
    1,2
    """,
    "",
)
FLAGS = _words(
    """
    %20 true FALSE 1 0 yes No on oFF junk 2 t %20true%20 %00 %FF
    """,
    "",
)
TEXTS = _words(
    """
    %20 x own OWN o%25 %25 _ %5C %27 %E6%97%A5 %C3%A5lt %FF %00 a%00 a+b a%2Bb , a,,b %ED%A0%80 %20success%20,FAILED
    success failed,running missed,unknown due manual scheduled webhook github_actions general Reports platform retired
    nobody job created,updated admin viewer
    """,
    "",
    "x" * 3000,
)
DATES = _words(
    """
    %20 2026-11-21 2026-11-20 2026-11-22 2026-02-29 2028-02-29 2026-13-01 2026-11-31 20261121 2026-1-1 0001-01-01
    9999-12-31 0000-01-01 10000-01-01 -2026-11-21 %202026-11-21%20 2026-11-21Z 2026-11-21T 2026-11-21T12:00:00Z
    2026-11-21T12:00:00 2026-11-21T12:00 2026-11-21T12 2026-11-21t12:00:00z 2026-11-21%2012:00:00
    2026-11-21+12:00:00 2026-11-21T21:00:00%2B09:00 2026-11-21T21:00:00+09:00 2026-11-21T12:00:00.000001Z
    2026-11-21T12:00:00,5Z 2026-11-21T12:00:00.1234567Z 2026-11-21T24:00:00Z 2026-11-21T12:60:00Z
    2026-11-21T23:59:60Z 2026-11-21T12:00:00%2B25:00 0001-01-01T00:00:00%2B09:00 9999-12-31T23:59:59-09:00
    9999-12-31T23:59:59.999999Z 2026-W47-6 2026-325 today 1700000000 junk %D9%A2%D9%A0%D9%A2%D9%A6-11-21 %00 %FF
    """,
    "",
    "x" * 3000,
)
SPANS = (
    "from=2026-11-21&to=2026-11-21",
    "from=2026-11-22&to=2026-11-21",
    "from=2026-11-21T12:00:00Z&to=2026-11-21T12:00:00Z",
    "from=2026-11-21T12:00:00Z&to=2026-11-21T12:00:00.000001Z",
    "from=junk&to=junk",
    "to=junk&from=2026-11-21",
    "from=0001-01-01&to=9999-12-31",
    "from=2026-11-21T00:00:00%2B09:00&to=2026-11-20",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def filled(path: str, ids: Mapping[str, str]) -> str:
    """The path with ids in the place of its names."""
    return path.format(**ids)


def odd(path: str, names: Iterable[str], ids: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Paths with odd ids: what is odd, the path, and whether it still is the endpoint's."""
    for name in names:
        for is_own, written in [(True, each) for each in ODD_IDS] + [(False, each) for each in NO_IDS]:
            yield f"{name} is {written[:40]!r}", filled(path, {**ids, name: written}), is_own
        upper = {**ids, name: ids[name].upper()}
        yield f"{name} in capitals", filled(path, upper), True
        yield f"{name} and a blank", filled(path, {**ids, name: f"{ids[name]}%20"}), True
        yield f"{name} escaped", filled(path, {**ids, name: "".join(f"%{ord(each):02X}" for each in ids[name])}), True


def around(path: str) -> Iterator[tuple[str, str]]:
    """Addresses beside a path: what is different, and the address."""
    yield "a slash at the end", f"{path}/"
    yield "two slashes at the end", f"{path}//"
    yield "two slashes at the start", f"/{path}"
    yield "in capitals", path.upper()
    yield "a blank at the end", f"{path}%20"
    yield "an escaped letter", path[:1] + f"%{ord(path[1]):02X}" + path[2:]
    yield "an escaped slash", path[:1] + path[1:].replace("/", "%2F", 1)
    yield "something below", f"{path}/nothing"
    yield "a dot at the end", f"{path}/."
    yield "U+0000 at the end", f"{path}%00"
    yield "a question mark", f"{path}?"
    yield "a parameter of the path", f"{path};a=1"
    yield "a format", f"{path}.json"


def queries(names: Iterable[str]) -> Iterator[str]:
    """Queries with values of all kinds for each of these parameters, and for several."""
    names = tuple(names)
    for name in names:
        for value in _values(name):
            yield f"{name}={value}"
        yield name
        yield f"{name}=1&{name}=2"
        yield f"{name}=&{name}=2"
        yield f"{name.upper()}=1"
        yield f"{name}[]=1"
        yield f"%{ord(name[0]):02X}{name[1:]}=1"
    if {"from", "to"} <= set(names):
        yield from SPANS
    if "page" in names:
        size = "limit" if "limit" in names else "per_page"
        yield from (
            f"page={page}&{size}={each}" for page in ("1", "2", "3", "0", "junk") for each in ("1", "2", "junk")
        )
        yield "&".join(
            f"{name}={quote(value)}" for name, value in zip(names, ("1", "5", "a", "b", "c", "d", "", ""), strict=False)
        )
    yield from (
        "unknown=1",
        "&",
        "&&",
        "=",
        "=1",
        "%FF=1",
        "a" * 5000,
        "&".join(f"a{number}=1" for number in range(1200)),
    )


def _values(name: str) -> tuple[str, ...]:
    if name in {"from", "to"}:
        return DATES
    match PARAMETERS[name].schema["type"]:
        case "integer":
            return NUMBERS
        case "boolean":
            return FLAGS
        case _:
            return TEXTS
