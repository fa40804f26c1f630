"""Run the command line, as `python -m kws` or as the installed script."""

from kws.console.error_lines import run


def main() -> None:
    """Load and run the command line; whatever goes wrong on the way is one line."""
    run(_load_and_run)


def _load_and_run() -> None:
    from kws.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":  # not in the worker processes of training
    main()
