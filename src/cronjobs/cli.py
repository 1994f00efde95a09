"""`cronjobs`: what an operator does to the application where no request can, because nobody can sign in yet."""

import secrets
import sys
from typing import Annotated

import typer

from cronjobs.models.users import ADMIN
from cronjobs.services import accounts, credentials
from cronjobs.services.errors import ServiceError
from cronjobs.settings import load
from crossfade.errors import CrossfadeError
from crossfade.router import Router
from crossfade.routes import Stack

app = typer.Typer(
    name="cronjobs", help="The cron-jobs application.", no_args_is_help=True, pretty_exceptions_enable=False
)

_PASSWORD_BYTES = 18


@app.callback()
def options() -> None:
    """Run inside the project, or set CROSSFADE_PROJECT to its directory."""


@app.command("create-admin")
def create_admin(
    username: Annotated[str, typer.Argument(help="3 to 80 letters, digits and . _ -")],
    email: Annotated[str, typer.Argument(help="Where the admin is reached.")],
    *,
    stack: Annotated[
        Stack, typer.Option(help="Whose database: they are two where FASTAPI_DATABASE_URL is set.")
    ] = "flask",
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of making one up.")] = False,
) -> None:
    """Make an administrator in a stack's database and print the password, once."""
    password = _asked() if ask else secrets.token_urlsafe(_PASSWORD_BYTES)
    new = accounts.NewUser(
        username=credentials.username(username),
        email=credentials.email(email),
        password=credentials.password(password),
        role=ADMIN,
    )
    router = Router(load(), name="cronjobs:cli")
    try:
        with router.session(stack) as session:
            made = accounts.register(session, new, caller=None)
            print(f"{made.username} is an admin in {router.route(stack).masked}")
    finally:
        router.dispose()
    if not ask:
        print(f"password: {password}")


def _asked() -> str:
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def main() -> None:
    """The console script: an error that is ours is one line and an exit code, never a traceback."""
    try:
        app()
    except CrossfadeError as error:
        _fail(str(error), error.exit_code)
    except (ServiceError, ValueError) as error:
        _fail(str(error), 1)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
