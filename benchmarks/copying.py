"""Copying 1,000,000 rows in all four directions, beside what people use, in one run; then proving that they are equal.

Each way is a process of its own and ends with the same indexes and foreign keys in place; its time and its peak memory
are what the system says of that process. The machine's own noise hits all: read the ratios. `--rows` makes it smaller
or larger, `--only` takes one direction, `--ours` leaves the others out: at 10,000,000 rows some of them take hours.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rig import history
from sqlalchemy import create_engine, text

from crossfade.testing.postgres import Server, embedded

REPOSITORY = Path(__file__).resolve().parents[1]
_ROOM = 1_700
"""Bytes of a row with its indexes."""
PORTION = 0.05
"""Of the rows, for ways that take minutes: their time is scaled up."""

# What our ways are compared with, the yardstick of each direction first.
_CONTENDERS = {
    "SQLite → SQLite": (("ATTACH, INSERT ... SELECT", "attach"), ("ORM, add_all", "orm")),
    "SQLite → PostgreSQL": (
        ("ADBC", "adbc-to-postgresql"),
        ("sqlite3 and psycopg COPY", "copy-rows"),
        ("SQLAlchemy Core", "core"),
        ("pgloader", "pgloader"),
    ),
    "PostgreSQL → PostgreSQL": (("pg_dump | pg_restore", "dump"),),
    "PostgreSQL → SQLite": (("ADBC, ordered", "adbc-to-sqlite"), ("psycopg COPY and sqlite3", "copy-out")),
}
_SCALED = {"orm"}
_PROGRAMS = {"pgloader"}
"""Ways that are a program, which the machine may have or not."""
_INITIALISED = {"attach", "orm"}
"""Ways that find their tables made."""


@dataclass(frozen=True)
class Measured:
    """One way: how long it took, and the most memory that its process held."""

    seconds: float
    peak: int
    """Bytes."""


class Workshop:
    """Makes databases: files in a folder, databases of a server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder, self._server, self._made = folder, server, 0

    def empty(self, engine: str) -> str:
        """The URL of a database without tables."""
        self._made += 1
        if engine == "SQLite":
            file = self._folder / f"bench_{self._made}.db"
            file.touch()
            return f"sqlite:///{file}"
        return self._server.database(f"bench_{self._made}").render_as_string(hide_password=False)

    def initialised(self, engine: str) -> str:
        """The same with the application's tables, as `crossfade init` makes them."""
        url = self.empty(engine)
        if engine == "SQLite":
            Path(url.removeprefix("sqlite:///")).unlink()
        _run([sys.executable, "-m", "crossfade", "init", "--url", url])
        return url

    def discard(self, url: str) -> None:
        """Deletes a database that isn't needed any more."""
        if url.startswith("sqlite"):
            for file in self._folder.glob(f"{Path(url).name}*"):
                file.unlink()
            return
        engine = create_engine(self._server.url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{url.rpartition("/")[2].partition("?")[0]}" WITH (FORCE)'))
        engine.dispose()


def main() -> None:
    """Measures and prints, a table for each direction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=list(_CONTENDERS), action="append")
    parser.add_argument("--ours", action="store_true")
    given = parser.parse_args()
    with _workshop(given.rows) as workshop:
        _measure(workshop, given, Console(width=100))


def _measure(workshop: Workshop, given: argparse.Namespace, console: Console) -> None:
    sources = {"SQLite": workshop.initialised("SQLite")}
    # In a process of its own: those that are measured begin with the memory of this one.
    _run([sys.executable, "-m", "rig.history", sources["SQLite"].removeprefix("sqlite:///"), str(given.rows)])
    directions = given.only or list(_CONTENDERS)
    for number, direction in enumerate(directions):
        begin, _, end = direction.partition(" → ")
        if begin not in sources:
            sources[begin] = workshop.initialised(begin)
            _run(_ours("copy", sources["SQLite"], sources[begin], "--no-verify"))
        begins_later = {later.partition(" → ")[0] for later in directions[number + 1 :]}
        for unneeded in sources.keys() - begins_later - {begin}:
            workshop.discard(sources.pop(unneeded))
        results, target = _measured_ours(workshop, sources[begin], end)
        if end in begins_later and end not in sources:
            # It holds what the source holds, as was just proved: the next direction's source need not be made.
            sources[end] = target
        else:
            workshop.discard(target)
        peers = () if given.ours else _CONTENDERS[direction]
        results |= _measured_peers(workshop, sources[begin], end, peers)
        console.print(_table(direction, results, peers, given.rows))


def _measured_ours(workshop: Workshop, source: str, end: str) -> tuple[dict[str, Measured], str]:
    target = workshop.initialised(end)
    results = {
        "crossfade copy": _run(_ours("copy", source, target, "--no-verify")),
        "crossfade verify": _run(_ours("verify", source, target)),
    }
    return results, target


def _measured_peers(workshop: Workshop, source: str, end: str, peers: Sequence[tuple[str, str]]) -> dict[str, Measured]:
    results = {}
    for name, way in peers:
        if way in _PROGRAMS and shutil.which(way) is None:
            print(f"{name} is not on the PATH, so it isn't measured (Debian has it: apt-get install {way})")
            continue
        target = workshop.initialised(end) if way in _INITIALISED else workshop.empty(end)
        portion = PORTION if way in _SCALED else 1.0
        taken = _run([sys.executable, "-m", "rig.contenders", way, source, target, str(portion)])
        results[name] = Measured(taken.seconds / portion, taken.peak)
        workshop.discard(target)
    return results


def _ours(command: str, source: str, target: str, *options: str) -> list[str]:
    chosen = ["--tables", ",".join(history.TABLES), *options]
    return [sys.executable, "-m", "crossfade", command, "--source", source, "--target", target, *chosen]


def _run(command: Sequence[str]) -> Measured:
    """A process from beginning to end; its output is shown if it fails."""
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY / "benchmarks"), "TESTING": ""}
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stdout=output, stderr=output)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command[:6])} ...: {output.read().decode()}")
    return Measured(seconds, usage.ru_maxrss * 1024)


def _table(direction: str, results: dict[str, Measured], peers: Sequence[tuple[str, str]], rows: int) -> Table:
    yardstick = results[peers[0][0]] if peers else None
    table = Table(title=f"{direction}, {rows:,} rows", title_justify="left")
    for heading in ("way", "seconds", "of the first peer's", "rows/s", "peak MB"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, one in results.items():
        ratio = f"{one.seconds / yardstick.seconds:.2f}" if yardstick else ""
        table.add_row(name, f"{one.seconds:.1f}", ratio, f"{rows / one.seconds:,.0f}", f"{one.peak / 1e6:,.0f}")
    return table


@contextmanager
def _workshop(rows: int) -> Generator[Workshop]:
    # Both kinds have a source and a target.
    room = 2 * rows * _ROOM
    with ExitStack() as ends:
        place = _roomy(2 * room)
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="crossfade-bench-", dir=place)))
        yield Workshop(folder, ends.enter_context(embedded(room=2 * room)))


def _roomy(room: int) -> str | None:
    """Memory if so many bytes fit there: a disk's noise would hide what is measured."""
    place = Path("/dev/shm")  # noqa: S108  looked at, and used through tempfile
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > room else None


if __name__ == "__main__":
    print(json.dumps({"python": sys.version.split()[0], "processors": os.cpu_count()}))
    main()
