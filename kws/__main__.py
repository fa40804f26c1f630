"""Run the command line as `python -m kws`, without an installed script."""

from kws.cli import main

if __name__ == "__main__":  # not in the worker processes of training
    main()
