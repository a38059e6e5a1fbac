"""`python -m inference`."""

from inference.cli import main

main(prog_name="inference")
