"""The commands: `kws NAME` is NAME.py here. Each imports its room only when it runs."""
