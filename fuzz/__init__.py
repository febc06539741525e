"""Random attacks on a real server process; `python -m fuzz --help`."""
