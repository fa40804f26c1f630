"""Run the command line, as `python -m kws` or as the installed script."""

import signal

from kws.console.error_lines import run
from kws.console.interrupts import end_at_interrupts


def main() -> None:
    """Load and run the command line; whatever goes wrong on the way is one line."""
    run(_load_and_run)


def _load_and_run() -> None:
    """Load the command line and run it; an interrupt before that ends the process at once.

    NumPy's modules would swallow it while they are loaded, and fail.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # not where who started it ignores interrupts
        end_at_interrupts()
    from kws.cli import main as run_command_line

    signal.signal(signal.SIGINT, usual)
    run_command_line()


if __name__ == "__main__":  # not in the worker processes of training
    main()
