"""The command line, with one module per command. It parses options, calls the other packages and prints the results."""

from lightship.cli.entry import main

__all__ = ["main"]
