"""`python -m lightship`: the same as the command `lightship`."""

from lightship.cli import main

if __name__ == "__main__":
    main()
