#!/opt/lightship/bin/python -I
"""The entry point under the name that TensorFlow Serving's image gives it."""

from lightship.cli.container import main

main()
