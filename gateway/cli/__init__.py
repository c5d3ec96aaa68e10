"""The command line. Exit codes: 0 fine, 1 failed, 2 misuse."""

import sys

import typer

from gateway import __version__
from gateway.cli.demo import demo
from gateway.cli.dial import dial
from gateway.cli.doctor import doctor
from gateway.cli.loadtest import loadtest
from gateway.cli.local_realtime import local_realtime
from gateway.cli.serve import serve
from gateway.cli.setup import setup
from gateway.errors import GatewayError
from gateway.loadtest.terminal import printable

app = typer.Typer(
    help="A realtime speech model on a phone number.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(serve)
app.command()(doctor)
app.command()(setup)
app.command()(dial)
app.command()(loadtest)
app.command()(local_realtime)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
) -> None:
    if version:
        print(f"gateway {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run a command; a user's mistake gets one line for each, and exit code 2."""
    try:
        app()
    except GatewayError as exc:
        print(printable(str(exc)), file=sys.stderr)  # it may quote the name of a file, or what a server said
        sys.exit(2)
