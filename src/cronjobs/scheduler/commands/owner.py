"""`crossfade scheduler owner`: whose processes may fire. It is one row of the anchor database, and rules everywhere."""

import getpass
import os
import socket
from typing import Annotated, Literal

import typer

from cronjobs.scheduler.commands import databases, shapes
from cronjobs.services import control
from cronjobs.services.control import Switch
from crossfade.cli.answers import tell, tell_json
from crossfade.database.sessions import begin_write
from crossfade.routes import Route

Owner = Literal["flask", "fastapi", "both", "off"]


def owner(
    *,
    to: Annotated[Owner | None, typer.Option("--set", help="Whose processes may fire from now on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show whose processes may fire, and who said so; with --set, turn it.

    It can be turned at any time, under any load: each run is claimed by whoever may at that moment, once. It is
    recorded in the audit log under your name on this machine.
    """
    with databases.opened(as_json=as_json) as opened:
        route = opened.router.routes.anchor
        with opened.router.session(route.stack) as session:
            if to is None:
                switch = control.look(session)
            else:
                switch = control.turn(begin_write(session), None, to, by=_operator())
        if as_json:
            tell_json(_answer(switch, route))
        else:
            tell(shapes.switch(switch.owner, switch.changed_by, switch.changed_at))


def _answer(switch: Switch, route: Route) -> dict[str, object]:
    return {
        "ok": True,
        "owner": switch.owner,
        "changed_by": switch.changed_by,
        "changed_at": shapes.instant(switch.changed_at),
        "url": route.masked,
    }


def _operator() -> str:
    """Who sits at this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user id that has no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
