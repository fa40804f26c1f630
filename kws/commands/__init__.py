"""Implement the commands: `kws NAME` is NAME.py here, all of it.

options.py has what several commands take. The command line loads every file here, so each imports
the packages that it needs inside its functions: `kws --help` loads none of them.
"""
