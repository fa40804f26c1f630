"""python -m kws: the command line without an installed script."""

from kws.cli import main

main()
