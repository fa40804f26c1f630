"""Assemble the command line from the files of kws/commands/; show the log as lines."""

from __future__ import annotations

import logging
import threading
from typing import Annotated

import typer

from kws import __version__
from kws.commands import data
from kws.commands.calibrate import calibrate
from kws.commands.devices import devices
from kws.commands.evaluate import evaluate
from kws.commands.export import export
from kws.commands.info import info
from kws.commands.listen import listen
from kws.commands.new import new
from kws.commands.record import record
from kws.commands.serve import OptionalName, serve
from kws.commands.studio import studio
from kws.commands.synth import synth
from kws.commands.train import train
from kws.console.error_lines import describe, run, write_line
from kws.console.interrupts import raise_at_interrupts

app = typer.Typer(
    name="kws",
    help="An always-on keyword spotter: it listens, and acts when somebody says a wake word.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    listen,
    devices,
    info,
    evaluate,
    new,
    train,
    calibrate,
    record,
    synth,
    export,
    studio,
):
    app.command()(command)
app.command(cls=OptionalName)(serve)
app.add_typer(data.app, name="data")


class StderrHandler(logging.Handler):
    """Print each log record as one line, `kws: message`, on standard error.

    sys.stderr is looked up at each record: the live display replaces it while it is open.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of a record; drop it where standard error cannot be written."""
        write_line(f"kws: {record.getMessage()}")


def _log_to_stderr() -> None:
    """Show the log of kws from INFO up, once, whatever handlers the root logger has."""
    log = logging.getLogger("kws")
    log.handlers = [StderrHandler()]
    log.setLevel(logging.INFO)
    log.propagate = False


def main() -> None:
    """Run the command line; exit with 1 and one line for an error, with 2 for wrong usage."""
    run(_run_app)


def _run_app() -> None:
    _log_to_stderr()
    raise_at_interrupts()
    threading.excepthook = _log_error_of_thread
    app(prog_name="kws")


def _log_error_of_thread(error: threading.ExceptHookArgs) -> None:
    """Log what ended a thread as one line; the others go on."""
    if error.exc_value is not None:
        logging.getLogger("kws").error("%s", describe(error.exc_value))


def _print_version(requested: bool) -> None:
    if requested:
        print(f"kws {__version__}")
        raise typer.Exit


@app.callback()
def kws(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options of the program itself."""
