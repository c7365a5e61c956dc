"""`python -m pneumonia_cli`: run the `pneumonia` command, whether or not the package is installed."""

import sys

from pneumonia_cli.client.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
