"""python -m kws: the command line without an installed script."""

from kws.cli import main

if __name__ == "__main__":  # which the processes of a training are not
    main()
