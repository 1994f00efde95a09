"""What a test costs in each way: `python measure.py`. The quickest of 41 times is told: load only adds."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

TIMES = 41


def seconds(file: Path, kind: str) -> float:
    """How long the test of a file takes, with all that is done before and after it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--crossfade-db={kind}"]
        environ = os.environ | {"TIMES": str(TIMES)}
        subprocess.run(
            [*command, f"--junitxml={report}", str(file)], env=environ, check=True, stdout=subprocess.DEVNULL
        )
        cases = ET.parse(report).iter("testcase")  # noqa: S314 - pytest has just written it
        return min(float(case.attrib["time"]) for case in cases)


def main() -> None:
    """Prints the table of the README."""
    print("| way | SQLite | PostgreSQL |\n|---|---|---|")
    for file in sorted(Path(__file__).parent.glob("tests/test_*.py")):
        costs = [seconds(file, kind) for kind in ("sqlite", "postgres")]
        print(f"| `{file.name}` | " + " | ".join(f"{cost * 1000:.0f} ms" for cost in costs) + " |", flush=True)


if __name__ == "__main__":
    main()
