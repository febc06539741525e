"""What `lightship bench` does on the command line: its arguments, the targets, progress, the table and the files."""
