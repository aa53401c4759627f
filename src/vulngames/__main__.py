"""`python -m vulngames` is the command `vulngames`."""

from vulngames.cli import main

main()
