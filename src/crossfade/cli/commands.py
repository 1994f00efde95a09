"""Which commands there are. The module of one is imported when it is called: together they take half a second."""

from importlib import import_module
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup
from typing_extensions import override

OURS = {
    "init": "init:init",
    "up": "up:up",
    "routes": "routes:routes",
    "doctor": "doctor:doctor",
    "copy": "copy:copy",
    "verify": "verify:verify",
    "freeze": "freeze:freeze",
    "thaw": "freeze:thaw",
    "guard": "guard:app",
}
"""By name the module below `crossfade.cli`, and the function or the Typer app in it."""


class Commands(TyperGroup):
    """Ours in this order, then those that were added."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return [*OURS, *(name for name in self.commands if name not in OURS)]

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # Who mistypes a name is told what it is like, of all.
        for name in [cmd_name] if cmd_name in {*OURS, *self.commands} else OURS:
            if name in OURS and name not in self.commands:
                self.commands[name] = _loaded(name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str) -> Any:
    module, _, attribute = OURS[name].partition(":")
    found = getattr(import_module(f"crossfade.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app = found
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        app.command(name)(found)
    command = typer.main.get_command(app)
    command.name = name
    return command
