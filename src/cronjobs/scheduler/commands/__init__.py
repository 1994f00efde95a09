"""`crossfade scheduler`: what an operator asks the scheduler, and tells it. The work is done by services."""

import typer

from cronjobs.scheduler.commands.drill import drill
from cronjobs.scheduler.commands.owner import owner
from cronjobs.scheduler.commands.runs import runs
from cronjobs.scheduler.commands.status import status

app = typer.Typer(
    help="Who fires jobs, what ran, what runs next, and the proof that nothing was lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("status")(status)
app.command("owner")(owner)
app.command("runs")(runs)
app.command("drill")(drill)
