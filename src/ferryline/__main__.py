"""`python -m ferryline` is the command line, and nothing else."""

from ferryline.cli import main

main.main()
