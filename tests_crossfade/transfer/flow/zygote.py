"""Runs copies in processes of their own, each forked from this one, which has imported everything: quick to begin.

A line of JSON on standard input is a copy to make. The child's pid is answered at once, and when it ends its
exit code (minus the signal if it was killed) and the most kilobytes that it held. One that is not to be `apart` is made
here, and its forks find what it has prepared: they come sooner to where they are killed.
"""

import gc
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


def ended(order):
    """The exit code of a copy."""
    try:
        return made(order)
    except CrossfadeError as error:
        sys.stderr.write(f"{error!r}\n")
        return error.exit_code
    except BaseException:  # noqa: BLE001  neither this process nor a forked child may end by what a copy raises
        traceback.print_exc()
        return 70
    finally:
        sys.stderr.flush()


def forked(order):
    """The pid of a copy in a process of its own."""
    child = os.fork()
    if not child:
        os._exit(ended(order))
    return child


def main():
    for line in sys.stdin:
        order = json.loads(line)
        if not order.pop("apart", True):
            tell(os.getpid())
            tell(f"{ended(order)} 0")
            # What is there now is looked at by no child's collector, so that its pages stay shared.
            gc.freeze()
            continue
        child = forked(order)
        tell(child)
        _, status, used = os.wait4(child, 0)
        tell(f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss}")


if __name__ == "__main__":
    main()
