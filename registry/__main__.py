"""`python -m registry` is the `registry` command."""

from registry.cli.app import main

main()
