"""Runs copies in processes of their own, each forked from this one, which has imported everything: quick to begin.

A line of JSON on standard input is a copy to make. The child's pid is answered at once, and when it ends its
exit code (minus the signal if it was killed) and the most kilobytes that it held.
"""

import json
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import shop

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.errors import CrossfadeError
from crossfade.routes import Route
from crossfade.transfer import plan
from crossfade.transfer.copying import Options, copy
from crossfade.transfer.ends import End
from crossfade.transfer.reports import Silence


def end(role, url):
    canonical = urls.canonical(url, root=Path(), variable=role)
    engines = Engines(name=f"crossfade:{role}", statement_timeout=0)
    return End(role, "URL", Route("flask", "shared", canonical, role, "development"), engines)


def made(order):
    source, target = end("source", order.pop("source")), end("target", order.pop("target"))
    try:
        report = copy(source, target, plan.make(shop.metadata), Options(**order), Silence())
    finally:
        source.engines.dispose()
        target.engines.dispose()
    if not report.ok:
        sys.stderr.write(f"{report}\n")
    return 0 if report.ok else 1


def tell(said):
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def main():
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 70
            try:
                code = made(json.loads(line))
            except CrossfadeError as error:
                code = error.exit_code
                sys.stderr.write(f"{error!r}\n")
            except BaseException:  # noqa: BLE001  a forked child must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        tell(child)
        _, status, used = os.wait4(child, 0)
        tell(f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss}")


if __name__ == "__main__":
    main()
