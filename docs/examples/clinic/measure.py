"""What a test costs in each way: `python measure.py`. Each test is run 21 times and once; the rest is division."""

import os
import subprocess
import sys
import time
from pathlib import Path

MORE = 20


def seconds(file: Path, kind: str, times: int) -> float:
    """How long pytest takes with that many tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--crossfade-db={kind}", str(file)]
    begin = time.perf_counter()
    subprocess.run(command, env=os.environ | {"TIMES": str(times)}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Prints the table of the README."""
    print("| way | SQLite | PostgreSQL |\n|---|---|---|")
    for file in sorted(Path(__file__).parent.glob("tests/test_*.py")):
        costs = [(seconds(file, kind, MORE + 1) - seconds(file, kind, 1)) / MORE for kind in ("sqlite", "postgres")]
        print(f"| `{file.name}` | " + " | ".join(f"{cost * 1000:.0f} ms" for cost in costs) + " |", flush=True)


if __name__ == "__main__":
    main()
