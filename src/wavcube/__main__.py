"""`python -m wavcube` is the command line."""

from wavcube.cli import main

main()
